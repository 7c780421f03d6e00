import type { RevocationRecord } from '../../../revocation/index.js'
import { readRecord, readRootToken, readToken } from '../etcd/records.js'
import type { Leaf } from './answer.js'

/*
 * Keys of the v2 API are paths. etcd cleans them (`//`, `.` and `..` vanish), makes a directory of everything before a
 * slash, and hides what starts with `_` from listings and watches.
 */

/** Whether an id can be a key below the prefix and be found there again. Slashes would make directories of ids. */
export function canBeKey(id: string): boolean {
  return id !== '.' && id !== '..' && !id.startsWith('_') && !id.includes('/') && !id.includes('\0')
}

/** The path of `GET` and `PUT` for a key: each of its parts percent-encoded. */
export function keyPath(key: string): string {
  return `/v2/keys/${key.split('/').map(encodeURIComponent).join('/')}`
}

/** What follows `directory` in a key as etcd writes it (`/jti/<id>`); `undefined` for a key that is not below it. */
function restOf(key: unknown, directory: string): string | undefined {
  if (typeof key !== 'string' || !key.startsWith(`/${directory}`)) return undefined
  return key.slice(directory.length + 1)
}

/** The keys of one directory, and what each of them says. */
export interface Directory {
  readonly name: 'tokens' | 'records' | 'root'
  /** `jti/`; empty for the root, whose directories belong to others and are not looked into. */
  readonly path: string
  read(leaf: Leaf, now: number): RevocationRecord | undefined
}

const READERS = { tokens: readToken, records: readRecord, root: readRootToken }

/** A directory of the keys that `name` says. */
export function directory(name: Directory['name'], path: string): Directory {
  const reader = READERS[name]
  return {
    name,
    path,
    read({ key, value }, now) {
      const rest = restOf(key, path)
      return rest === undefined ? undefined : reader(rest, value, now)
    },
  }
}
