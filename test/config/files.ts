import { ConfigError, parseConfig } from '../../src/config/index.js'

const FILE = '/etc/mgw/conf/micro-gw.conf'

/** Reads a file's text, as if it stood in `/etc/mgw/conf`. */
export const read = (text: string, env: Record<string, string> = {}) => parseConfig(text, FILE, env)

/** The configuration that a file's text gives. */
export const config = (text: string, env: Record<string, string> = {}) => read(text, env).config

/** The problems of a bad file, by key: message and remedy. */
export function problems(text: string, env: Record<string, string> = {}): Map<string, string> {
  try {
    read(text, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return new Map(error.problems.map(({ path, message, remedy }) => [path, `${message}; ${remedy ?? ''}`]))
  }
  return new Map()
}
