import { countBody } from '../http.js'
import {
  apiResponse,
  BoundedTable,
  type Call,
  failure,
  idSegment,
  integerField,
  type JsonObject,
  type Operation,
  ok,
  queryList,
  readForm,
  readObject,
  textField,
} from './call.js'

/** The petstore definition's Pet. */
export interface Pet {
  readonly id: number
  readonly category?: Named
  readonly name: string
  readonly photoUrls: readonly string[]
  readonly tags: readonly Named[]
  readonly status: PetStatus
}

interface Named {
  readonly id: number
  readonly name: string
}

const STATUSES = ['available', 'pending', 'sold'] as const
type PetStatus = (typeof STATUSES)[number]

const MAX_PETS = 1_000
const MAX_ITEMS = 100
const MAX_IMAGE_BYTES = 10_485_760

/** The pets of the store, and the operations on them. */
export class Pets {
  readonly #table = new BoundedTable<number, Pet>(MAX_PETS)
  #lastId = 0

  readonly operations: Readonly<Record<string, Operation>> = {
    'POST /pet': async ({ request }) => ok(this.#put(petOf(await readObject(request)))),
    'PUT /pet': (call) => this.#update(call),
    'GET /pet/findByStatus': ({ query }) => ok(this.#byStatus(queryList(query, 'status').map(statusOf))),
    'GET /pet/findByTags': ({ query }) => ok(this.#byTags(queryList(query, 'tags'))),
    'GET /pet/*': ({ segments }) => ok(this.#get(segments[0])),
    'POST /pet/*': (call) => this.#updateByForm(call),
    'DELETE /pet/*': ({ segments }) => {
      this.#table.delete(this.#get(segments[0]).id)
      return apiResponse(200, 'Pet deleted')
    },
    'POST /pet/*/uploadImage': (call) => this.#uploadImage(call),
  }

  constructor(seed: readonly Omit<Pet, 'id'>[]) {
    for (const pet of seed) this.#put(pet)
  }

  /** How many pets there are of each status. */
  inventory(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { status } of this.#table.rows()) counts[status] = (counts[status] ?? 0) + 1
    return counts
  }

  #put(pet: Omit<Pet, 'id'> & { readonly id?: number | undefined }): Pet {
    const stored = { ...pet, id: pet.id ?? this.#lastId + 1 }
    this.#table.set(stored.id, stored)
    this.#lastId = Math.max(this.#lastId, stored.id)
    return stored
  }

  #get(segment: string | undefined): Pet {
    const pet = this.#table.get(idSegment(segment))
    if (pet === undefined) throw failure(404, 'Pet not found')
    return pet
  }

  async #update({ request }: Call) {
    const pet = petOf(await readObject(request))
    if (pet.id === undefined) throw failure(400, 'Invalid ID supplied')
    this.#get(String(pet.id))
    return ok(this.#put(pet))
  }

  async #updateByForm({ request, segments }: Call) {
    const form = await readForm(request)
    const pet = this.#get(segments[0])
    const status = form.get('status')
    this.#put({ ...pet, name: form.get('name') ?? pet.name, status: status === null ? pet.status : statusOf(status) })
    return apiResponse(200, String(pet.id))
  }

  async #uploadImage({ request, segments }: Call) {
    this.#get(segments[0])
    return apiResponse(200, `${await countBody(request, MAX_IMAGE_BYTES)} bytes uploaded`)
  }

  #byStatus(statuses: readonly PetStatus[]): Pet[] {
    return this.#table.rows().filter(({ status }) => statuses.includes(status))
  }

  #byTags(names: readonly string[]): Pet[] {
    return this.#table.rows().filter(({ tags }) => tags.some(({ name }) => names.includes(name)))
  }
}

function petOf(object: JsonObject): Omit<Pet, 'id'> & { readonly id: number | undefined } {
  const name = textField(object, 'name')
  if (name === undefined || name === '') throw failure(400, 'Invalid name')
  return {
    id: integerField(object, 'id', 0) || undefined, // the definition's clients send 0 for a pet that is new
    ...(object.category === undefined ? {} : { category: named(object.category) }),
    name,
    photoUrls: list(object, 'photoUrls').map(String),
    tags: list(object, 'tags').map(named),
    status: statusOf(textField(object, 'status') ?? 'available'),
  }
}

function statusOf(text: string): PetStatus {
  const status = STATUSES.find((known) => known === text)
  if (status === undefined) throw failure(400, 'Invalid status value')
  return status
}

function list(object: JsonObject, name: string): unknown[] {
  const value = object[name] ?? []
  if (!Array.isArray(value) || value.length > MAX_ITEMS) throw failure(400, `Invalid ${name}`)
  return value
}

function named(value: unknown): Named {
  if (typeof value !== 'object' || value === null) throw failure(400, 'Invalid input')
  const object = value as JsonObject
  return { id: integerField(object, 'id') ?? 0, name: textField(object, 'name') ?? '' }
}
