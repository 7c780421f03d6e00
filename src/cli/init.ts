import { lstat, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { CommanderError } from 'commander'
import { codeOf } from '../error-code.js'
import { readTopicUrl, storeUrlProblem } from '../gateway/source-urls.js'
import { BROKER_PASSWORD, exampleDefinition, type FirstSetup, firstConfigFile } from './first-files.js'
import { print, printError } from './output.js'

export interface InitOptions {
  readonly upstream?: string
  readonly issuer?: string
  readonly jwksUrl?: string
  readonly topic?: string
  readonly store?: string
  readonly json?: boolean
}

interface Question {
  readonly flag: 'upstream' | 'issuer' | 'topic' | 'store'
  readonly text: string
  /** Whether an empty answer means that there is none. */
  readonly isOptional?: true
  /** Why an answer will not do; `undefined` if it does. */
  readonly problem: (answer: string) => string | undefined
}

const QUESTIONS: readonly Question[] = [
  {
    flag: 'upstream',
    text: 'URL of the API to protect, such as http://localhost:8080/orders',
    problem: (answer) => urlProblem(answer, ['http:', 'https:']),
  },
  {
    flag: 'issuer',
    text: 'Issuer of the access tokens, exactly as in their claim "iss"',
    problem: (answer) => (/["\\\s]/.test(answer) || answer === '' ? 'must be one word' : undefined),
  },
  {
    flag: 'topic',
    text: 'URL of the broker that announces revocations, such as tcp://localhost:61616 or amqp://guest@localhost:5672 (empty: none)',
    isOptional: true,
    problem(answer) {
      const read = readTopicUrl(answer)
      return 'problem' in read ? `cannot be read: ${read.problem}` : undefined
    },
  },
  {
    flag: 'store',
    text: 'URL of the etcd that keeps revocations, such as http://localhost:2379/v3/keys/jti/ (empty: none)',
    isOptional: true,
    problem: storeUrlProblem,
  },
]

/**
 * `mgw init`: writes a commented micro-gw.conf and the definition of a first API into a directory, from its flags or, on a
 * terminal, from the answers to a question for each flag that is missing. Overwrites nothing.
 */
export async function init(directory: string, options: InitOptions): Promise<void> {
  const answers = await answersOf(options)
  const { upstream, issuer, topic, store } = answers
  const read = topic === '' ? undefined : readTopicUrl(topic)
  const setup: FirstSetup = {
    upstream: new URL(upstream),
    issuer,
    jwksUrl: options.jwksUrl ?? `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`,
    topic: read === undefined || 'problem' in read ? undefined : read,
    storeUrl: store || undefined,
  }
  const files = [
    { path: join(directory, 'micro-gw.conf'), text: firstConfigFile(setup) },
    { path: join(directory, 'api_definitions', 'first-api.yaml'), text: exampleDefinition(setup) },
  ]
  for (const { path } of files) {
    if (await exists(path)) throw usage(`${path} exists, and is not overwritten: nothing was written`)
  }
  await mkdir(join(directory, 'api_definitions'), { recursive: true })
  for (const { path, text } of files) await writeFile(path, text, { flag: 'wx' })
  const next = `mgw check --connect -c ${join(directory, 'micro-gw.conf')}`
  if (options.json) return print(JSON.stringify({ files: files.map(({ path }) => path), next }))
  for (const { path } of files) print(`wrote ${path}`)
  if (options.jwksUrl === undefined) print(`jwksURL is a guess: ${setup.jwksUrl}`)
  if (setup.topic !== undefined && setup.topic.username !== '') {
    print(`${BROKER_PASSWORD} in the environment is to hold the broker's password`)
  }
  print(`next: ${next}`)
}

type Answers = Readonly<Record<Question['flag'], string>>

async function answersOf(options: InitOptions): Promise<Answers> {
  const given = QUESTIONS.map((question) => ({ question, answer: options[question.flag]?.trim() }))
  for (const { question, answer } of given) {
    const problem = answer === undefined ? undefined : problemOf(question, answer)
    if (problem !== undefined) throw usage(`--${question.flag} ${problem}`)
  }
  const missing = given.filter(({ answer }) => answer === undefined).map(({ question }) => question)
  const asked = process.stdin.isTTY ? await ask(missing) : unasked(missing)
  const all = given.map(({ question, answer }) => [question.flag, answer ?? asked.get(question.flag) ?? ''] as const)
  return Object.fromEntries(all) as Answers
}

/** Without a terminal nobody can be asked: what is optional is left out. */
function unasked(missing: readonly Question[]): Map<Question['flag'], string> {
  const required = missing.filter(({ isOptional }) => !isOptional)
  if (required.length > 0) throw usage(`missing: ${required.map(({ flag }) => `--${flag}`).join(', ')}`)
  return new Map()
}

async function ask(missing: readonly Question[]): Promise<Map<Question['flag'], string>> {
  const answers = new Map<Question['flag'], string>()
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    for (const question of missing) {
      for (;;) {
        const answer = (await terminal.question(`${question.text}\n> `)).trim()
        const problem = problemOf(question, answer)
        if (problem === undefined) {
          answers.set(question.flag, answer)
          break
        }
        print(problem)
      }
    }
  } finally {
    terminal.close()
  }
  return answers
}

function problemOf({ isOptional, problem }: Question, answer: string): string | undefined {
  return isOptional && answer === '' ? undefined : problem(answer)
}

function urlProblem(answer: string, schemes: readonly string[]): string | undefined {
  const url = URL.canParse(answer) ? new URL(answer) : undefined
  if (url === undefined || !schemes.includes(url.protocol)) {
    return `must be a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`
  }
  if (url.username !== '' || url.password !== '')
    return 'must hold no user name or password: they have keys of their own'
  return undefined
}

function usage(message: string): CommanderError {
  printError(`mgw init: ${message}`)
  return new CommanderError(2, 'mgw.init', message)
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
