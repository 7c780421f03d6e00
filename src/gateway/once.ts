/** An action that is done at most once: each call gives the outcome of the first. */
export function once<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  let done: Promise<void> | undefined
  return (...args) => {
    done ??= action(...args)
    return done
  }
}
