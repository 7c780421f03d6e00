import {
  apiResponse,
  BoundedTable,
  failure,
  idSegment,
  integerField,
  type JsonObject,
  type Operation,
  ok,
  readObject,
  textField,
} from './call.js'

interface Order {
  readonly id: number
  readonly petId: number
  readonly quantity: number
  readonly shipDate: string
  readonly status: string
  readonly complete: boolean
}

const STATUSES = ['placed', 'approved', 'delivered']
const MAX_ORDERS = 1_000

/** The store's orders and its inventory. */
export class Orders {
  readonly #table = new BoundedTable<number, Order>(MAX_ORDERS)
  readonly #inventory: () => Record<string, number>
  #lastId = 0

  readonly operations: Readonly<Record<string, Operation>> = {
    'GET /store/inventory': () => ok(this.#inventory()),
    'POST /store/order': async ({ request }) => ok(this.#place(await readObject(request))),
    'GET /store/order/*': ({ segments }) => ok(this.#get(segments[0])),
    'DELETE /store/order/*': ({ segments }) => {
      this.#table.delete(this.#get(segments[0]).id)
      return apiResponse(200, 'Order deleted')
    },
  }

  constructor(inventory: () => Record<string, number>) {
    this.#inventory = inventory
  }

  #place(object: JsonObject): Order {
    const status = textField(object, 'status') ?? 'placed'
    const shipDate = new Date(textField(object, 'shipDate') ?? Date.now())
    if (!STATUSES.includes(status) || Number.isNaN(shipDate.getTime())) throw failure(400, 'Invalid Order')
    const order: Order = {
      id: integerField(object, 'id') || this.#lastId + 1,
      petId: integerField(object, 'petId') ?? 0,
      quantity: integerField(object, 'quantity') ?? 1,
      shipDate: shipDate.toISOString(),
      status,
      complete: object.complete === true,
    }
    this.#table.set(order.id, order)
    this.#lastId = Math.max(this.#lastId, order.id)
    return order
  }

  #get(segment: string | undefined): Order {
    const order = this.#table.get(idSegment(segment))
    if (order === undefined) throw failure(404, 'Order not found')
    return order
  }
}
