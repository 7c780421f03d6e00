/** What is wrong with a provider's URL. Stable. */
export type ProviderUrlErrorCode =
  | 'ERR_PROVIDER_EMPTY'
  | 'ERR_PROVIDER_TOO_LONG'
  | 'ERR_PROVIDER_SCHEME'
  | 'ERR_PROVIDER_FACTORY'
  | 'ERR_PROVIDER_CONTRADICTION'
  | 'ERR_PROVIDER_USER_INFO'
  | 'ERR_PROVIDER_PATH'
  | 'ERR_PROVIDER_VHOST'
  | 'ERR_PROVIDER_BROKER_LIST'
  | 'ERR_PROVIDER_HOST'
  | 'ERR_PROVIDER_PORT'
  | 'ERR_PROVIDER_OPTION'

/**
 * A provider's URL that can't be used. The message names the part and what was expected of it, and never quotes the
 * URL: where quotes or separators are wrong, any piece of it may be one of a password.
 */
export class ProviderUrlError extends Error {
  override readonly name = 'ProviderUrlError'
  readonly code: ProviderUrlErrorCode

  constructor(code: ProviderUrlErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
