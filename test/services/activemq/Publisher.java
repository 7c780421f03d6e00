import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import javax.jms.Connection;
import javax.jms.JMSException;
import javax.jms.MapMessage;
import javax.jms.Message;
import javax.jms.MessageProducer;
import javax.jms.Session;
import javax.jms.StreamMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/**
 * Publishes what its standard input says, a line a command, fields separated by tabs, and answers "ok" a line:
 * port, kind, topic, then name=type:value of the body (map), the body's only value (text, bytes as hex), and after
 * an empty field the properties. Kinds: map, text, bytes, object, stream, plain, and burst (value: how many);
 * "compressed-" or "transacted-" may stand before each, or "kept-": the connection stays open for the next command.
 * rate (values: how many, how many a second or 0, the tokens' prefix) is a burst of revocations that have not expired.
 */
public final class Publisher {
  private static Connection kept;

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      try {
        publish(line.split("\t", -1));
        System.out.println("ok");
      } catch (Exception e) {
        System.out.println("failed " + e);
      }
    }
  }

  private static void publish(String[] fields) throws JMSException {
    String kind = fields[1];
    ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory("tcp://127.0.0.1:" + fields[0]);
    factory.setUseCompression(kind.startsWith("compressed-"));
    boolean transacted = kind.startsWith("transacted-");
    boolean keeps = kind.startsWith("kept-");
    Connection connection = keeps && kept != null ? kept : factory.createConnection("admin", "admin");
    if (keeps) kept = connection;
    try {
      connection.start();
      Session session = connection.createSession(transacted, transacted ? Session.SESSION_TRANSACTED : Session.AUTO_ACKNOWLEDGE);
      MessageProducer producer = session.createProducer(session.createTopic(fields[2]));
      String shape = kind.substring(kind.indexOf('-') + 1);
      if (shape.equals("rate")) {
        long began = System.nanoTime();
        long rate = Long.parseLong(fields[4]);
        producer.setDeliveryMode(javax.jms.DeliveryMode.NON_PERSISTENT);
        for (long i = 0, n = Long.parseLong(fields[3]); i < n; i++) {
          long early = rate == 0 ? 0 : i * 1_000_000_000L / rate - (System.nanoTime() - began);
          if (early > 1_000_000) java.util.concurrent.locks.LockSupport.parkNanos(early);
          MapMessage message = session.createMapMessage();
          message.setString("revokedToken", fields[5] + i);
          message.setString("ttl", "3600");
          message.setLong("expiryTime", System.currentTimeMillis() + 3_600_000);
          producer.send(message);
        }
      } else if (shape.equals("burst")) {
        for (int i = 0, n = Integer.parseInt(fields[3]); i < n; i++) {
          MapMessage message = session.createMapMessage();
          message.setString("revokedToken", "burst-" + i);
          message.setLong("expiryTime", 1628175421481L);
          producer.setDeliveryMode(javax.jms.DeliveryMode.NON_PERSISTENT);
          producer.send(message);
        }
      } else {
        producer.send(compose(session, shape, fields));
      }
      if (transacted) session.commit();
      if (keeps) session.close();
    } finally {
      if (!keeps) connection.close();
    }
  }

  private static Message compose(Session session, String shape, String[] fields) throws JMSException {
    int at = 3;
    Message message;
    switch (shape) {
      case "map" -> {
        MapMessage map = session.createMapMessage();
        for (; at < fields.length && !fields[at].isEmpty(); at++) {
          map.setObject(name(fields[at]), value(fields[at]));
        }
        message = map;
      }
      case "text" -> message = session.createTextMessage(fields[at++]);
      case "bytes" -> {
        var bytes = session.createBytesMessage();
        bytes.writeBytes(HexFormat.of().parseHex(fields[at++]));
        message = bytes;
      }
      case "object" -> message = session.createObjectMessage((Serializable) fields[at++]);
      case "stream" -> {
        StreamMessage stream = session.createStreamMessage();
        stream.writeString(fields[at++]);
        stream.writeLong(3600);
        message = stream;
      }
      default -> message = session.createMessage();
    }
    for (at++; at < fields.length; at++) message.setObjectProperty(name(fields[at]), value(fields[at]));
    message.setJMSType("revocation");
    message.setJMSCorrelationID("correlation");
    message.setJMSReplyTo(session.createTopic("replies"));
    return message;
  }

  private static String name(String field) {
    return field.substring(0, field.indexOf('='));
  }

  private static Object value(String field) {
    int at = field.indexOf('=') + 1;
    String text = field.substring(at + 2);
    return switch (field.charAt(at)) {
      case 'z' -> Boolean.valueOf(text);
      case 'b' -> Byte.valueOf(text);
      case 'c' -> text.charAt(0);
      case 'h' -> Short.valueOf(text);
      case 'i' -> Integer.valueOf(text);
      case 'l' -> Long.valueOf(text);
      case 'd' -> Double.valueOf(text);
      case 'f' -> Float.valueOf(text);
      case 'x' -> HexFormat.of().parseHex(text);
      case 'n' -> null;
      default -> text;
    };
  }
}
