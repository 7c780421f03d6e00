import { Secret } from '../config/index.js'
import { chooseStore, ProviderUrlError, readProvider, StoreError } from '../sources/index.js'

/** A topic's URL as the configuration has it: who connects stands in keys of their own. */
export interface TopicUrl {
  readonly url: string
  /** Empty: nobody in particular. */
  readonly username: string
}

/** Takes the user information out of a topic's URL. `problem` says, for people, why no topic can be read from it. */
export function readTopicUrl(url: string): TopicUrl | { readonly problem: string } {
  try {
    const { username } = readProvider({ url: new Secret(url) })
    return { url: url.trim().replace(USER_INFO, '$1'), username }
  } catch (error) {
    if (error instanceof ProviderUrlError) return { problem: error.message }
    throw error
  }
}

/** Why an etcd's URL cannot be used, for people; `undefined`: it can. */
export function storeUrlProblem(url: string): string | undefined {
  try {
    chooseStore({ type: 'etcd', endpointURL: url })
    return undefined
  } catch (error) {
    if (error instanceof StoreError) return error.message
    throw error
  }
}

const USER_INFO = /^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#@]*@/
