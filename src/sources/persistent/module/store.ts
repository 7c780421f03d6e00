import { describeError, type Logging, silent } from '../../../logging/index.js'
import { within } from '../../../time/index.js'
import { type PersistentStore, StoreError } from '../../source.js'
import { guardStore } from './guard.js'
import { importFile } from './import-file.js'

export interface ModuleStoreOptions {
  /** Absolute path of the module. */
  readonly file: string
  /** Its section of the configuration, which `createStore` gets as it is. */
  readonly section: Readonly<Record<string, unknown>>
  /** Milliseconds until `createStore` must have made the store. Default 10 s. */
  readonly timeout?: number
  /** Milliseconds within which the next record of a listing must come. Default 30 s. */
  readonly recordTimeout?: number
  /** Milliseconds until a listing must be whole. Default 10 min. */
  readonly listTimeout?: number
  readonly logging?: Logging
}

const TIMEOUT = 10_000
const RECORD_TIMEOUT = 30_000
const LIST_TIMEOUT = 600_000

/**
 * Loads a custom store: a module, ESM or CommonJS, whose `createStore(section)` returns a {@link PersistentStore} or a
 * promise of one. Each record that it delivers is checked; invalid ones are left out and counted.
 * Throws {@link StoreError} `ERR_STORE_MODULE`, which names the file and what was expected.
 */
export async function moduleStore(options: ModuleStoreOptions): Promise<PersistentStore> {
  const { file, section, timeout = TIMEOUT } = options
  const createStore = exported(file, await load(file))
  let made: unknown
  try {
    made = await within(timeout, Promise.resolve(createStore(section)), () =>
      wrong(file, `createStore returned no store within ${timeout} ms`),
    )
  } catch (cause) {
    throw cause instanceof StoreError ? cause : wrong(file, 'createStore failed', cause)
  }
  return guardStore(checkedStore(file, made), {
    file,
    recordTimeout: options.recordTimeout ?? RECORD_TIMEOUT,
    listTimeout: options.listTimeout ?? LIST_TIMEOUT,
    log: (options.logging ?? silent)('TokenRevocation'),
  })
}

async function load(file: string): Promise<unknown> {
  try {
    return await importFile(file)
  } catch (cause) {
    throw wrong(file, 'cannot be loaded: expected an ESM or CommonJS module that exports createStore', cause)
  }
}

/** A store as a module makes it. */
export interface CustomStore extends Omit<PersistentStore, 'takes'> {
  /**
   * Whether `put` keeps a record's `iss`, and rules about issuers and claims. A store that was written before there were any
   * would take one record for another.
   */
  readonly keepsIssuers?: boolean
}

/** ESM's export, CommonJS's `exports.createStore`, or that of `export default` and `module.exports`. */
function exported(file: string, module: unknown): (section: unknown) => unknown {
  for (const holder of [module, member(module, 'default')]) {
    const createStore = member(holder, 'createStore')
    if (typeof createStore === 'function') return (section) => Reflect.apply(createStore, holder, [section])
  }
  throw wrong(file, 'must export a function createStore(options)')
}

function checkedStore(file: string, made: unknown): CustomStore {
  if (typeof made !== 'object' || made === null) throw wrong(file, 'createStore must return an object')
  if (typeof member(made, 'name') !== 'string')
    throw wrong(file, 'createStore returned a store without a name: expected a string')
  if (typeof member(made, 'list') !== 'function') throw wrong(file, 'createStore returned a store without list(signal)')
  const keepsIssuers = member(made, 'keepsIssuers')
  if (keepsIssuers !== undefined && typeof keepsIssuers !== 'boolean')
    throw wrong(file, 'createStore returned a store whose keepsIssuers is not a boolean')
  for (const optional of ['watch', 'put', 'close']) {
    const found = member(made, optional)
    if (found !== undefined && typeof found !== 'function')
      throw wrong(file, `createStore returned a store whose ${optional} is not a function`)
  }
  return made as CustomStore
}

function member(holder: unknown, name: string): unknown {
  const mayHave = (typeof holder === 'object' && holder !== null) || typeof holder === 'function'
  return mayHave ? Reflect.get(holder, name) : undefined
}

function wrong(file: string, what: string, cause?: unknown): StoreError {
  const why = cause === undefined ? '' : `: ${describeError(cause)}`
  return new StoreError('ERR_STORE_MODULE', `store module ${file}: ${what}${why}`, { cause })
}
