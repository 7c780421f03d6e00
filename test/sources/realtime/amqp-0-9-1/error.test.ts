import t from 'tap'
import { toBrokerError } from '../../../../src/sources/realtime/amqp-0-9-1/error.js'

t.test('an exchange that the broker does not have names the keys of topic and exchange', async (t) => {
  const text = 'Operation failed: QueueBind; 404 (NOT-FOUND) with message "NOT_FOUND - no exchange \'s3cret\'"'
  const error = toBrokerError(new Error(text))
  t.match(error, { code: 'ERR_BROKER_REFUSED', slow: true })
  t.match(
    error.message,
    /404 NOT_FOUND: correct tokenRevocationConfig\.realtime\.jmsConnectionTopic, or correct default/,
  )
  t.notMatch(error.message, /s3cret/)
})
