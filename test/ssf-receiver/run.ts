import { randomUUID } from 'node:crypto'
import { BAD, GOOD, type Receiver, type SetCase } from './cases.js'
import type { Transmitter } from './transmitter.js'

/** What a receiver made of a case. */
export interface Outcome {
  readonly name: string
  readonly passed: boolean
  /** For people. */
  readonly said: string
}

/** Where, and how, a receiver is pushed to. */
export interface PushTarget {
  readonly url: string
  readonly authorization: string
}

/** Sends one push; resolves to the status and the error code. */
async function pushed({ url, authorization }: PushTarget, body: string, contentType = 'application/secevent+jwt') {
  const headers = { 'content-type': contentType, accept: 'application/json', authorization }
  const answer = await fetch(url, { method: 'POST', headers, body })
  const text = await answer.text()
  try {
    return { status: answer.status, err: (JSON.parse(text) as { err?: string }).err }
  } catch {
    return { status: answer.status, err: undefined }
  }
}

/** Pushes every case to a receiver, and what is about the delivery itself (RFC 8935). */
export async function* runPush(to: Receiver, target: PushTarget): AsyncGenerator<Outcome> {
  for (const one of [...GOOD, ...BAD]) yield judged(one, await pushed(target, one.set(to)))
  const good = (GOOD[0] as SetCase).set(to)
  yield taken('a SET', await pushed(target, good))
  yield taken('the same SET again', await pushed(target, good))
  for (const authorization of ['', `${target.authorization}x`, `Bearer ${randomUUID()}`]) {
    yield refused(
      `Authorization: ${authorization === '' ? 'none' : 'another'}`,
      await pushed({ ...target, authorization }, good),
    )
  }
  yield refused('another content type', await pushed(target, good, 'application/jwt'))
  yield refused('a body of 1 MB', await pushed(target, 'a'.repeat(1_048_576)))
}

function judged(
  { name, takes, errors = [], mayWait = false }: SetCase,
  { status, err }: { status: number; err: string | undefined },
): Outcome {
  const said = `${status}${err === undefined ? '' : ` ${err}`}`
  if (takes) return { name, passed: status === 202 || status === 200, said }
  if (mayWait && status === 503) return { name, passed: true, said }
  return { name, passed: status === 400 && err !== undefined && errors.includes(err), said }
}

function taken(name: string, { status }: { status: number }): Outcome {
  return { name, passed: status === 202 || status === 200, said: String(status) }
}

function refused(name: string, { status }: { status: number }): Outcome {
  return { name, passed: status >= 400 && status < 500, said: String(status) }
}

/** Offers every case to a receiver that polls; resolves once it has acknowledged or refused all that it must, or after `patience` ms. */
export async function runPoll(to: Receiver, transmitter: Transmitter, patience: number): Promise<Outcome[]> {
  const { acknowledged, refused: errors } = transmitter
  const offered = [...GOOD, ...BAD].map((one) => ({ one, jti: randomUUID() }))
  for (const { one, jti } of offered) transmitter.sendRaw(jti, one.set({ ...to, jti }))
  const isJudged = ({ one, jti }: (typeof offered)[number]) =>
    acknowledged.has(jti) || errors.has(jti) || one.mayWait === true
  await transmitter.until(() => offered.every(isJudged), patience)
  return offered.map(({ one, jti }) => {
    const err = errors.get(jti)?.err
    const said = acknowledged.has(jti) ? 'ack' : err === undefined ? 'nothing' : `setErrs ${err}`
    const passed = one.takes
      ? said === 'ack'
      : one.errors?.includes(err ?? '') === true || (one.mayWait === true && said === 'nothing')
    return { name: one.name, passed, said }
  })
}
