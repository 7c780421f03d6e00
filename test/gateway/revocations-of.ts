import { join } from 'node:path'
import type { Test } from 'tap'
import { parseConfig } from '../../src/config/index.js'
import { openRevocations } from '../../src/gateway/open-revocations.js'
import type { Revocations } from '../../src/gateway/revocations.js'
import { type Logging, silent } from '../../src/logging/index.js'

export interface RevocationsOf {
  /** Opens the revocations of a configuration, which is text; closed with the test. */
  open(text: string): Promise<Revocations>
  /** Opens and starts them. */
  start(text: string): Promise<Revocations>
  /** Resolves with the next log line that matches. */
  said(what: RegExp): Promise<string>
}

/** A gateway's revocations, opened one after the other in one directory. */
export function revocationsOf(t: Test, directory: string): RevocationsOf {
  const waiting = new Set<(text: string) => void>()
  const hear = (text: string) => {
    for (const look of waiting) look(text)
  }
  const logging: Logging = (component) => ({ ...silent(component), debug: hear, info: hear, warn: hear })
  const open = async (text: string) => {
    const server = `[server]\n  stateDirectory = ${JSON.stringify(directory)}\n`
    const { config } = parseConfig(server + text, join(directory, 'micro-gw.conf'), {})
    const revocations = await openRevocations(config, logging)
    t.teardown(() => revocations.close().catch(() => undefined))
    return revocations
  }
  return {
    open,
    async start(text) {
      const revocations = await open(text)
      revocations.start()
      return revocations
    },
    said: (what) =>
      new Promise((resolve) => {
        const look = (text: string) => {
          if (!what.test(text)) return
          waiting.delete(look)
          resolve(text)
        }
        waiting.add(look)
      }),
  }
}
