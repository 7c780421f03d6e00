import { createServer, type IncomingMessage } from 'node:http'
import { type Logging, silent } from '../../logging/index.js'
import { closeServer, listen, listener, MAX_CONNECTIONS, type Reply, SERVER_LIMITS } from '../http.js'
import { apiResponse, failure, type Operation } from './call.js'
import { Orders } from './orders.js'
import { type Pet, Pets } from './pets.js'
import { Users } from './users.js'

/** A running petstore, on loopback. */
export interface Petstore {
  readonly port: number
  /** With the base path: what an API definition names as its endpoint. */
  readonly url: string
  close(): Promise<void>
}

const BASE_PATH = '/v1'

/** Starts the well-known petstore API, in memory, with some pets in it. `port` 0 takes a free one. */
export async function startPetstore({
  port,
  logging = silent,
}: {
  port: number
  logging?: Logging
}): Promise<Petstore> {
  const pets = new Pets(SEED)
  const operations = { ...pets.operations, ...new Orders(() => pets.inventory()).operations, ...new Users().operations }
  const answer = listener((request) => route(operations, request), logging('DemoPetstore'))
  const server = createServer(SERVER_LIMITS, answer)
  server.maxConnections = MAX_CONNECTIONS
  const bound = await listen(server, port, 'petstore')
  return { port: bound, url: `http://localhost:${bound}${BASE_PATH}`, close: () => closeServer(server) }
}

async function route(operations: Readonly<Record<string, Operation>>, request: IncomingMessage): Promise<Reply> {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const [path = '', search = ''] = (request.url ?? '').split('?', 2)
  if (!path.startsWith(`${BASE_PATH}/`)) return apiResponse(404, 'Not found')
  const candidates = patterns(path.slice(BASE_PATH.length + 1).split('/'))
  for (const candidate of candidates) {
    const operation = operations[`${method} ${candidate.path}`]
    if (operation === undefined) continue
    return operation({ request, query: new URLSearchParams(search), segments: candidate.variables.map(decoded) })
  }
  const allowed = Object.keys(operations)
    .map((name) => name.split(' '))
    .filter(([, path]) => candidates.some((candidate) => candidate.path === path))
    .map(([name]) => name)
  if (allowed.length === 0) return apiResponse(404, 'Not found')
  return { ...apiResponse(405, 'Method not allowed'), headers: { allow: [...new Set(allowed)].join(', ') } }
}

/** The operations' paths that a path may mean: literally first, then with its second or third segment as a variable. */
function patterns(segments: readonly string[]): { path: string; variables: string[] }[] {
  const at = (index: number) => {
    const variable = segments[index]
    if (variable === undefined || variable === '') return []
    return [{ path: `/${segments.with(index, '*').join('/')}`, variables: [variable] }]
  }
  const literal = segments.includes('*') ? [] : [{ path: `/${segments.join('/')}`, variables: [] }]
  return [...literal, ...at(1), ...at(2)]
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw failure(400, 'Invalid path')
  }
}

const SEED: readonly Omit<Pet, 'id'>[] = [
  pet('Cats', 'Minka', 'available', ['small', 'indoor']),
  pet('Dogs', 'Rex', 'available', ['loyal']),
  pet('Rabbits', 'Flopsy', 'available', ['small']),
  pet('Cats', 'Tom', 'pending', ['indoor']),
  pet('Fish', 'Bubbles', 'sold', ['small', 'quiet']),
]

function pet(category: string, name: string, status: Pet['status'], tags: readonly string[]): Omit<Pet, 'id'> {
  const categories = ['Dogs', 'Cats', 'Rabbits', 'Fish']
  return {
    category: { id: categories.indexOf(category) + 1, name: category },
    name,
    photoUrls: [],
    tags: tags.map((tag, index) => ({ id: index + 1, name: tag })),
    status,
  }
}
