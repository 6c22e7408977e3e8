package io.jaconet.linux;

import com.google.common.collect.ImmutableList;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** Requests and their answers: acknowledgements, single replies, dumps, and batches. Not thread-safe. */
final class NetlinkConversation implements AutoCloseable {
  private static final int NLM_F_REQUEST = 1;
  private static final int NLM_F_ACK = 4;
  private static final int NLM_F_DUMP_INTR = 0x10;
  private static final int NLM_F_DUMP = 0x300;
  private static final int NLM_F_CAPPED = 0x100;
  private static final int NLM_F_ACK_TLVS = 0x200;
  private static final int NLMSG_NOOP = 1;
  private static final int NLMSG_ERROR = 2;
  private static final int NLMSG_DONE = 3;
  private static final int NLMSG_OVERRUN = 4;
  private static final int NLMSGERR_ATTR_MSG = 1;

  private static final int MAX_ATTEMPTS = 16;

  /** From 16 to 128 KiB no difference could be measured: the kernel's work for each message is all that counts. */
  private static final int SEND_BYTES = 32 << 10;

  /** More than any message of a batch has. */
  private static final int MAX_BATCHED_BYTES = 256;

  private final NetlinkTransport transport;
  private final MessageWriter writer = new MessageWriter(ByteBuffer.allocateDirect(SEND_BYTES));
  private int sequence;

  NetlinkConversation(NetlinkTransport transport) {
    this.transport = transport;
  }

  /** Makes a value of a message, or null of one that is not wanted. */
  interface Decoder<T> {
    @Nullable
    T decode(MessageReader message) throws MalformedMessageException;
  }

  /** Writes the {@code index}-th message of a batch, from {@link MessageWriter#begin} up to its last attribute. */
  interface BatchEncoder {
    void encode(int index, MessageWriter writer);
  }

  /** Is told which message of a batch the kernel refused. */
  interface RefusalReceiver {
    void refused(int index, int errno, String explanation);
  }

  /** Begins a request; what the caller writes next belongs to it. */
  MessageWriter request(int type, int flags) {
    writer.clear();
    return writer.begin(type, NLM_F_REQUEST | flags);
  }

  /** Begins a request for a dump. */
  MessageWriter dumpRequest(int type) {
    return request(type, NLM_F_DUMP);
  }

  /**
   * Sends the request and waits until the kernel has done it.
   *
   * @param call what the request is, for the exception
   * @throws SyscallException if the kernel refused
   */
  void execute(String call) throws IOException {
    writer.addFlags(NLM_F_ACK);
    send();
    while (true) {
      var messages = new MessageReader(transport.receive());
      while (messages.next()) {
        if (isAnswer(messages) && messages.type() == NLMSG_ERROR) {
          throwIfRefused(call, messages);
          return;
        }
      }
    }
  }

  /**
   * Sends the request and returns the value of its one reply.
   *
   * @throws SyscallException if the kernel refused
   */
  <T> T get(String call, Decoder<T> decoder) throws IOException {
    return repeated(call, () -> {
      while (true) {
        var messages = new MessageReader(transport.receive());
        while (messages.next()) {
          if (isAnswer(messages)) {
            if (messages.type() == NLMSG_ERROR) {
              throwIfRefused(call, messages);
              throw new MalformedMessageException(
                  "an acknowledgement came where a reply was expected");
            }
            T value = decoder.decode(messages);
            if (value != null) {
              return value;
            }
          }
        }
      }
    });
  }

  /**
   * Sends the request and returns the values of all replies. Asks again from the start if the kernel's table changed underneath
   * or an answer was lost.
   *
   * @throws SyscallException if the kernel refused
   * @throws IOException if the answers were unusable again and again
   */
  <T> ImmutableList<T> dump(String call, Decoder<T> decoder) throws IOException {
    return repeated(call, () -> {
      var values = ImmutableList.<T>builder();
      boolean consistent = true;
      while (true) {
        var messages = new MessageReader(transport.receive());
        while (messages.next()) {
          if (!isAnswer(messages)) {
            continue;
          }
          consistent &= !messages.hasFlag(NLM_F_DUMP_INTR);
          switch (messages.type()) {
            case NLMSG_DONE -> {
              throwIfDoneFailed(call, messages);
              if (!consistent) {
                throw new LostAnswerException("the table changed during the dump");
              }
              return values.build();
            }
            case NLMSG_ERROR -> throwIfRefused(call, messages);
            case NLMSG_OVERRUN -> throw new LostAnswerException("the kernel reported an overrun");
            case NLMSG_NOOP -> {}
            default -> {
              T value = decoder.decode(messages);
              if (value != null) {
                values.add(value);
              }
            }
          }
        }
      }
    });
  }

  /**
   * Sends {@code count} messages in as few datagrams as possible. The kernel works on each, whatever became of the ones before.
   *
   * @throws IOException if answers were lost: it is then unknown which messages were refused
   */
  void batch(int count, BatchEncoder encoder, RefusalReceiver receiver) throws IOException {
    int max = transport.maxMessagesPerSend();
    int next = 0;
    while (next < count) {
      int first = next;
      int firstSequence = sequence + 1;
      writer.clear();
      while (next < count && next - first < max && writer.remaining() >= MAX_BATCHED_BYTES) {
        encoder.encode(next++, writer);
        writer.end(++sequence);
      }
      // The kernel reports refusals in any case. Asking it to confirm the last message too tells
      // that all have been looked at.
      writer.addFlags(NLM_F_ACK | NLM_F_REQUEST);
      transport.send(writer.written());
      readRefusals(first, firstSequence, next - first, receiver);
    }
  }

  /**
   * Sends {@code count} messages in one datagram, of which the kernel does all or none, and waits for the first answer. The messages
   * say themselves what they are, {@code NLM_F_REQUEST} and, if no other is answered, {@code NLM_F_ACK} included.
   *
   * @throws SyscallException if the kernel refused one
   */
  void executeTogether(String call, int count, BatchEncoder encoder) throws IOException {
    int firstSequence = sequence + 1;
    writer.clear();
    for (int i = 0; i < count; i++) {
      encoder.encode(i, writer);
      writer.end(++sequence);
    }
    transport.send(writer.written());
    while (true) {
      var messages = new MessageReader(transport.receive());
      while (messages.next()) {
        int index = messages.sequence() - firstSequence;
        if (isForUs(messages) && index >= 0 && index < count && messages.type() == NLMSG_ERROR) {
          throwIfRefused(call, messages);
          transport.drain();
          return;
        }
      }
    }
  }

  private void readRefusals(int first, int firstSequence, int count, RefusalReceiver receiver)
      throws IOException {
    while (true) {
      var messages = new MessageReader(transport.receive());
      while (messages.next()) {
        int index = messages.sequence() - firstSequence;
        if (isForUs(messages) && index >= 0 && index < count && messages.type() == NLMSG_ERROR) {
          int errno = -messages.u32(0);
          if (errno != 0) {
            receiver.refused(first + index, errno, explanation(messages));
          }
          if (index == count - 1) {
            return;
          }
        }
      }
    }
  }

  private void send() throws IOException {
    writer.end(++sequence);
    transport.send(writer.written());
  }

  private boolean isAnswer(MessageReader message) {
    return isForUs(message) && message.sequence() == sequence;
  }

  private boolean isForUs(MessageReader message) {
    return message.portId() == transport.portId();
  }

  private interface Answer<T> {
    T read() throws IOException;
  }

  private <T> T repeated(String call, Answer<T> answer) throws IOException {
    IOException last = null;
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      try {
        send();
        return answer.read();
      } catch (LostAnswerException | MalformedMessageException e) {
        last = e;
      } catch (SyscallException e) {
        if (e.errno() != Errno.EINTR && e.errno() != Errno.EBUSY) {
          throw e;
        }
        last = e;
      }
      transport.drain();
    }
    throw new IOException(call + ": no usable answer in " + MAX_ATTEMPTS + " attempts", last);
  }

  private static void throwIfRefused(String call, MessageReader message) throws IOException {
    int errno = -message.u32(0);
    if (errno != 0) {
      throw new SyscallException(call, errno, explanation(message));
    }
  }

  private static void throwIfDoneFailed(String call, MessageReader message) throws IOException {
    int errno = message.payloadBytes() >= Integer.BYTES ? -message.u32(0) : 0;
    if (errno > 0) {
      String text =
          message.hasFlag(NLM_F_ACK_TLVS) ? explanation(message.attributes(Integer.BYTES)) : "";
      throw new SyscallException(call, errno, text);
    }
  }

  /** After the errno comes the header of the refused message, then the rest of it unless left away, then the attributes. */
  private static String explanation(MessageReader message) throws MalformedMessageException {
    if (!message.hasFlag(NLM_F_ACK_TLVS)) {
      return "";
    }
    int refusedBytes =
        message.hasFlag(NLM_F_CAPPED) ? MessageWriter.HEADER_BYTES : message.u32(Integer.BYTES);
    if (refusedBytes < 0 || refusedBytes > message.payloadBytes()) {
      throw new MalformedMessageException(
          "an error quotes %d bytes of %d", refusedBytes, message.payloadBytes());
    }
    return explanation(message.attributes(Integer.BYTES + MessageReader.aligned(refusedBytes)));
  }

  private static String explanation(Attributes attributes) throws MalformedMessageException {
    while (attributes.next()) {
      if (attributes.type() == NLMSGERR_ATTR_MSG) {
        return attributes.text();
      }
    }
    return "";
  }

  @Override
  public void close() throws SyscallException {
    transport.close();
  }
}
