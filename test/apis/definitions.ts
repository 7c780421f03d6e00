import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Api, Resource } from '../../src/apis/api.js'
import { DefinitionError, type DefinitionProblem } from '../../src/apis/definition/problem.js'
import { type LoadedApis, type LoadOptions, loadApis } from '../../src/apis/load.js'

/** A directory that holds `files` (name → text) and goes with the test. */
export async function directoryOf(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mgw-apis-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return directory
}

/** Loads one definition, or several by name. */
export async function load(
  t: Test,
  definitions: string | Readonly<Record<string, string>>,
  options: LoadOptions = {},
): Promise<LoadedApis> {
  const files = typeof definitions === 'string' ? { 'api.yaml': definitions } : definitions
  return loadApis({ environment: {}, directory: await directoryOf(t, files), ...options })
}

/** The problems that loading the definitions fails with. */
export async function problemsOf(...arguments_: Parameters<typeof load>): Promise<readonly DefinitionProblem[]> {
  try {
    await load(...arguments_)
  } catch (error) {
    if (error instanceof DefinitionError) return error.problems
    throw error
  }
  return []
}

/** Loads one definition and gives its API. */
export async function loadOne(...arguments_: Parameters<typeof load>): Promise<Api> {
  const [api] = (await load(...arguments_)).apis
  if (api === undefined) throw new Error('no API was loaded')
  return api
}

/** The resource that is written as `GET /pet`. */
export function resourceOf(api: Api, operation: string): Resource {
  const found = api.resources.find(({ method, template }) => `${method} ${template}` === operation)
  if (found === undefined) throw new Error(`the API has no ${operation}`)
  return found
}

/** A definition of one operation, `GET /pet`, with more lines below the operation, then more for the API. */
export function definition(operation: string, api = ''): string {
  return `openapi: 3.0.3
info: { title: Pets, version: '1.0' }
servers: [{ url: 'https://pets.example/v2' }]
paths:
  /pet:
    get:
      responses: {}
${indent(operation, 6)}
${api}
`
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by))
}
