/** A listener that cannot be opened: names the key and the remedy, and keeps the code of Node's error. */
export class ListenFailure extends Error {
  readonly code: string
  /** The port that was asked for. */
  readonly port: number

  constructor(code: string, port: number, message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'ListenFailure'
    this.code = code
    this.port = port
  }
}

/** What is wrong with the address of a listener, by the code of the error that it brought. */
const WRONG: Readonly<Record<string, (section: string, key: string, host: string, port: number) => string>> = {
  EADDRINUSE: (section, key, host, port) =>
    `${section}.${key}: port ${port} of ${host} is in use; stop the program that has it, or choose another port`,
  EACCES: (section, key, _, port) =>
    `${section}.${key}: port ${port} is not for this user; choose one above 1023, or let the process bind it`,
  EADDRNOTAVAIL: (section, _, host) =>
    `${section}.host: ${host} is no address of this machine; "0.0.0.0" stands for all of them`,
  ENOTFOUND: (section, _, host) => `${section}.host: ${host} is no address; "0.0.0.0" stands for all of this machine`,
}

/** Opens a listener. Throws {@link ListenFailure} for what the configuration can mend, anything else as it is. */
export async function opened<Listener>(
  open: () => Promise<Listener>,
  at: { readonly section: string; readonly key: string; readonly host: string; readonly port: number },
): Promise<Listener> {
  try {
    return await open()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const message = WRONG[code]?.(at.section, at.key, at.host, at.port)
    throw message === undefined ? error : new ListenFailure(code, at.port, message, error)
  }
}
