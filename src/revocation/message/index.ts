export { MAX_BODY_LENGTH } from './fields.js'
export { MAX_ID_LENGTH, readMessage } from './read-message.js'
export { MALFORMED_REASONS, type MalformedReason, type MessageReading } from './reading.js'
export { LOG_COMPONENT, TopicMessages, type TopicMessagesOptions } from './topic-messages.js'
