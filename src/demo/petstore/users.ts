import { sameSecret } from '../same-secret.js'
import {
  apiResponse,
  BoundedTable,
  failure,
  integerField,
  type JsonObject,
  type Operation,
  ok,
  readObject,
  readObjects,
  textField,
} from './call.js'

interface User {
  readonly id: number
  readonly username: string
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  readonly phone: string
  readonly userStatus: number
  /** Taken and compared, never answered. */
  readonly password: string
}

const MAX_USERS = 1_000
const SESSION_MS = 3_600_000

/** The store's customers. */
export class Users {
  readonly #table = new BoundedTable<string, User>(MAX_USERS)

  readonly operations: Readonly<Record<string, Operation>> = {
    'POST /user': async ({ request }) => this.#create([await readObject(request)]),
    'POST /user/createWithArray': async ({ request }) => this.#create(await readObjects(request)),
    'POST /user/createWithList': async ({ request }) => this.#create(await readObjects(request)),
    'GET /user/login': ({ query }) => this.#login(query),
    'GET /user/logout': () => apiResponse(200, 'ok'),
    'GET /user/*': ({ segments }) => {
      const { password: _, ...shown } = this.#get(segments[0])
      return ok(shown)
    },
    'PUT /user/*': async ({ request, segments }) => {
      const object = await readObject(request)
      const existing = this.#get(segments[0])
      const user = userOf({ ...existing, ...object })
      this.#table.delete(existing.username)
      this.#table.set(user.username, user)
      return apiResponse(200, String(user.id))
    },
    'DELETE /user/*': ({ segments }) => {
      this.#table.delete(this.#get(segments[0]).username)
      return apiResponse(200, 'User deleted')
    },
  }

  #create(objects: readonly JsonObject[]) {
    const users = objects.map(userOf)
    for (const user of users) this.#table.set(user.username, user)
    return apiResponse(200, 'ok')
  }

  #login(query: URLSearchParams) {
    const user = this.#table.get(query.get('username') ?? '')
    const proven = sameSecret(query.get('password') ?? '', user?.password ?? '')
    if (user === undefined || !proven) throw failure(400, 'Invalid username/password supplied')
    const headers = { 'X-Rate-Limit': '5000', 'X-Expires-After': new Date(Date.now() + SESSION_MS).toUTCString() }
    return { ...apiResponse(200, 'logged in'), headers }
  }

  #get(username: string | undefined): User {
    const user = this.#table.get(username ?? '')
    if (user === undefined) throw failure(404, 'User not found')
    return user
  }
}

function userOf(object: JsonObject): User {
  const username = textField(object, 'username')
  if (username === undefined || username === '') throw failure(400, 'Invalid username supplied')
  return {
    id: integerField(object, 'id') ?? 0,
    username,
    firstName: textField(object, 'firstName') ?? '',
    lastName: textField(object, 'lastName') ?? '',
    email: textField(object, 'email') ?? '',
    phone: textField(object, 'phone') ?? '',
    userStatus: integerField(object, 'userStatus') ?? 0,
    password: textField(object, 'password') ?? '',
  }
}
