import type { Provider } from './provider.js'

/** What the URL alone says, before the credentials beside it are looked at. */
export interface UrlReading extends Omit<Provider, 'protocol' | 'password' | 'username'> {
  readonly username: string
  /** In the clear for as long as a URL is being read, and no longer. */
  readonly password: string
}
