export { noticePaths, type ProviderSettings, Receiver, type ReceiverOptions } from './receiver.js'
export { RecentIds } from './recent-ids.js'
export {
  afterSecond,
  clientEnded,
  isName,
  issuerEnded,
  sessionEnded,
  subjectEnded,
  tokenEnded,
} from './records.js'
export { UNAUTHENTICATED } from './rules.js'
export type { IdentityProviderSource, Notice, NoticeAnswer, NoticeSink } from './source.js'
