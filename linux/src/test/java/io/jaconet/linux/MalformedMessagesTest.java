package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpPrefix;
import io.jaconet.net.MacAddress;
import io.jaconet.net.Vni;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.condition.EnabledIf;

/** What the kernel may say to us, real, damaged and made up (class N of the fuzz classes). */
@EnabledIf(value = "littleEndian", disabledReason = "the captured datagrams are little-endian")
class MalformedMessagesTest {
  private static final int NLMSG_ERROR = 2;
  private static final int NLMSG_DONE = 3;
  private static final int NLM_F_DUMP_INTR = 0x10;
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:08");
  private static final int IFLA_LINKINFO = 18;
  private static final int MUTATIONS = Integer.getInteger("jaconet.fuzz.executions", 100_000);

  private static final List<NetlinkConversation.Decoder<?>> DECODERS = List.of(
      LinkMessages::decode,
      AddressMessages::decode,
      RouteMessages::decode,
      RouteMessages::decodeLookup,
      message -> RouteMessages.decodeEntry(message, 4, 77),
      message -> RouteMessages.decodeEntry(message, 0, 0),
      NeighborMessages::decode,
      NexthopMessages::decode,
      EventMessages::decode);

  private final ScriptedKernel script = new ScriptedKernel();
  private final RtNetlink kernel = new RtNetlink(script);
  private Random random = new Random(0);

  @BeforeEach
  void seed(TestInfo test) {
    long seed = Long.getLong("jaconet.seed", System.nanoTime());
    System.out.println(test.getDisplayName() + ": -Djaconet.seed=" + seed);
    random = new Random(seed);
  }

  static boolean littleEndian() {
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
  }

  private static void decodeAll(byte[] datagram) throws MalformedMessageException {
    for (var decoder : DECODERS) {
      var messages = new MessageReader(ByteBuffer.wrap(datagram));
      while (messages.next()) {
        Object value = decoder.decode(messages);
        assertNotEquals("", String.valueOf(value), "the value must print");
      }
    }
  }

  /** Returns whether the datagram was refused; anything else than a refusal or a value escapes and fails the test. */
  private static boolean isRefused(byte[] datagram) {
    try {
      decodeAll(datagram);
      return false;
    } catch (MalformedMessageException e) {
      assertTrue(String.valueOf(e.getMessage()).matches(".*\\d.*"), e::getMessage);
      return true;
    }
  }

  private static void say(ScriptedKernel script, String capture, int sequence) throws IOException {
    for (byte[] datagram : Capture.read(capture)) {
      script.say(ScriptedKernel.readdressed(datagram, sequence));
    }
  }

  private static ByteBuffer message(int type, int flags, int sequence, int port, int... words) {
    var buffer = ByteBuffer.allocate(16 + 4 * words.length).order(ByteOrder.nativeOrder());
    buffer
        .putInt(buffer.capacity())
        .putShort((short) type)
        .putShort((short) flags)
        .putInt(sequence)
        .putInt(port);
    for (int word : words) {
      buffer.putInt(word);
    }
    return buffer.flip();
  }

  private static ByteBuffer message(int type, int flags, int sequence) {
    return message(type, flags, sequence, ScriptedKernel.PORT, 0);
  }

  @Test
  void whatARealKernelSaidIsUnderstood() throws IOException {
    script
        .onRequest(sequence -> say(script, "links", sequence))
        .onRequest(sequence -> say(script, "addresses", sequence))
        .onRequest(sequence -> say(script, "neighbors", sequence))
        .onRequest(sequence -> say(script, "fdb", sequence))
        .onRequest(sequence -> say(script, "nexthops", sequence))
        .onRequest(sequence -> say(script, "routes", sequence))
        .onRequest(sequence -> say(script, "routes", sequence));

    var links = kernel.links();
    int link = links.get(3).index();
    var gateway = IpAddress.parse("10.1.8.0");
    assertEquals(
        List.of("lo", "far0", "eth0", "flannel.7"),
        links.stream().map(Link::name).toList());
    assertEquals(
        new VxlanLink(
            new Vni(7),
            links.get(2).index(),
            IpAddress.parse("192.0.2.1"),
            null,
            8472,
            false,
            true,
            false),
        links.get(3).vxlan());
    assertEquals(1400, links.get(3).mtu());
    assertTrue(kernel.addresses().stream()
        .anyMatch(
            a -> a.address().equals(IpAddress.parse("2001:db8::7")) && a.prefixLength() == 128));
    assertEquals(List.of(new ForwardingEntry.Neighbor(link, gateway, MAC)), kernel.neighbors(link));
    assertEquals(
        List.of(new ForwardingEntry.Fdb(link, MAC, IpAddress.parse("192.0.2.2"))),
        kernel.fdb(link));
    assertEquals(List.of(new ForwardingEntry.Nexthop(8, link, gateway, 77)), kernel.nexthops(0));
    var route =
        new ForwardingEntry.Route(IpPrefix.parse("10.1.8.0/24"), link, null, false, 8, 77, 0);
    assertEquals(List.of(route), kernel.routes(link, 77));
    assertTrue(kernel.routes().stream().anyMatch(r -> r.hops().size() == 2), "the multipath route");
  }

  @Test
  void eachTruncationOfARealDatagramIsRefusedOrHarmless() throws IOException {
    for (String name : Capture.NAMES) {
      for (byte[] datagram : Capture.read(name)) {
        for (int length = 0; length < datagram.length; length++) {
          var cut = Arrays.copyOf(datagram, length);
          boolean atEndOfMessage = endsWithMessage(cut);
          assertEquals(!atEndOfMessage, isRefused(cut), name + " cut to " + length);
          // The same with a length field that goes with the cut, so that the cut runs through the
          // attributes.
          if (length >= 16
              && length
                  < ByteBuffer.wrap(datagram).order(ByteOrder.nativeOrder()).getInt(0)) {
            ByteBuffer.wrap(cut).order(ByteOrder.nativeOrder()).putInt(0, length);
            isRefused(cut);
          }
        }
      }
    }
  }

  private static boolean endsWithMessage(byte[] datagram) {
    var buffer = ByteBuffer.wrap(datagram).order(ByteOrder.nativeOrder());
    int at = 0;
    while (at < buffer.limit()) {
      if (buffer.limit() - at < 16 || buffer.getInt(at) > buffer.limit() - at) {
        return false;
      }
      at += MessageReader.aligned(buffer.getInt(at));
    }
    return true;
  }

  @Test
  void damagedDatagramsAreRefusedOrHarmless() throws IOException {
    var originals = new ArrayList<byte[]>();
    for (String name : Capture.NAMES) {
      originals.addAll(Capture.read(name));
    }
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] damaged = originals.get(random.nextInt(originals.size())).clone();
      for (int n = random.nextInt(4); n >= 0; n--) {
        damaged = damaged(damaged);
      }
      refused += isRefused(damaged) ? 1 : 0;
    }
    assertTrue(refused > MUTATIONS / 20, "the damage must matter");
  }

  @Test
  void damagedRefusalsEndInAnErrorOrAFailure() throws IOException {
    var change = EntryChange.create(new ForwardingEntry.Neighbor(4, IpAddress.v4(1), MAC));
    var originals = Capture.read("refusals");
    script.onRequest(sequence -> {
      var original = originals.get(random.nextInt(originals.size()));
      script.drain();
      script.say(damaged(ScriptedKernel.readdressed(original, sequence)));
    });
    int errors = 0;
    for (int i = 0; i < MUTATIONS / 10; i++) {
      try {
        assertTrue(kernel.apply(ImmutableList.of(change)).size() <= 1);
      } catch (IOException e) {
        errors++;
      }
    }
    assertTrue(errors > MUTATIONS / 100, "the damage must matter");
  }

  private byte[] damaged(byte[] datagram) {
    if (datagram.length < 20) {
      return datagram;
    }
    var buffer = ByteBuffer.wrap(datagram).order(ByteOrder.nativeOrder());
    int word = random.nextInt(datagram.length / 4) * 4;
    switch (random.nextInt(8)) {
      case 0 -> buffer.put(random.nextInt(datagram.length), (byte) random.nextInt());
      case 1 -> buffer.putShort(word, (short) random.nextInt(8));
      case 2 ->
        buffer.putShort(word, (short)
            (random.nextBoolean() ? 0xffff : datagram.length + random.nextInt(9) - 4));
      case 3 ->
        buffer.putInt(
            random.nextBoolean() ? 0 : word, random.nextBoolean() ? 1 << 30 : random.nextInt());
      case 4 -> buffer.putShort(word + 2, (short) random.nextInt(64));
      case 5 -> buffer.putInt(word, Integer.reverseBytes(buffer.getInt(word)));
      case 6 -> buffer.putShort(4, (short) (16 + random.nextInt(92)));
      default -> {
        int from = random.nextInt(datagram.length / 4) * 4;
        System.arraycopy(
            datagram,
            from,
            datagram,
            word,
            Math.min(random.nextInt(64), datagram.length - Math.max(word, from)));
      }
    }
    return datagram;
  }

  @Test
  void lengthsThatCannotBeAreNamed() {
    for (int length : new int[] {0, 1, 15, 17, 1 << 30, -1, Integer.MIN_VALUE}) {
      var bytes = ByteBuffer.allocate(16)
          .order(ByteOrder.nativeOrder())
          .putInt(0, length)
          .array();
      var refusal = assertThrows(MalformedMessageException.class, () -> decodeAll(bytes));
      assertEquals("message at 0 claims " + length + " bytes of 16", refusal.getMessage());
    }
    for (int length : new int[] {0, 1, 3, 9, 0xffff}) {
      var bytes = new byte[16 + 16 + 8];
      ByteBuffer.wrap(bytes)
          .order(ByteOrder.nativeOrder())
          .putInt(0, bytes.length)
          .putShort(4, (short) LinkMessages.RTM_NEWLINK)
          .putShort(32, (short) length)
          .putShort(34, (short) LinkMessages.IFLA_MTU);
      var refusal = assertThrows(MalformedMessageException.class, () -> decodeAll(bytes));
      assertEquals("attribute 4 claims " + length + " bytes of 8", refusal.getMessage());
    }
  }

  @Test
  void deepNestingUnknownAndDoubledAttributesAreHarmless() throws MalformedMessageException {
    var writer = new MessageWriter(ByteBuffer.allocate(64 << 10));
    LinkMessages.header(writer.begin(LinkMessages.RTM_NEWLINK, 0), 5, 0, 0);
    writer.u32(0x3abc, 1).u32(LinkMessages.IFLA_MTU, 1).u32(LinkMessages.IFLA_MTU, 1450);
    writer.text(LinkMessages.IFLA_IFNAME, "deep");
    var nests = new ArrayList<Integer>();
    for (int depth = 0; depth < 1000; depth++) {
      nests.add(writer.beginNest(depth == 0 ? IFLA_LINKINFO : 1 + depth % 2));
    }
    for (int depth = nests.size() - 1; depth >= 0; depth--) {
      writer.endNest(nests.get(depth));
    }
    writer.end(1);
    var messages = new MessageReader(writer.written());

    assertTrue(messages.next());
    var link = LinkMessages.decode(messages);

    assertEquals("deep", link == null ? "" : link.name());
    assertEquals(1450, link == null ? 0 : link.mtu());
  }

  @Test
  void anEntryThatWasWrittenIsReadBackUnchanged() throws MalformedMessageException {
    var writer = new MessageWriter(ByteBuffer.allocate(1 << 10));
    for (int i = 0; i < 20_000; i++) {
      var entry = randomEntry();
      writer.clear();
      ForwardingMessages.encode(writer, EntryChange.create(entry));
      writer.end(i);
      var messages = new MessageReader(writer.written());
      assertTrue(messages.next());
      assertEquals(entry, decode(entry, messages));
    }
  }

  private static @Nullable ForwardingEntry decode(ForwardingEntry like, MessageReader message)
      throws MalformedMessageException {
    if (like instanceof ForwardingEntry.Route) {
      return RouteMessages.decodeEntry(message, 0, 0);
    } else if (like instanceof ForwardingEntry.Nexthop) {
      return NexthopMessages.decode(message);
    }
    var any = NeighborMessages.decode(message);
    return any == null ? null : any.isFdb() ? any.toFdb() : any.toNeighbor();
  }

  private ForwardingEntry randomEntry() {
    int link = 1 + random.nextInt(Integer.MAX_VALUE - 1);
    boolean v4 = random.nextBoolean();
    var address =
        v4 ? IpAddress.v4(random.nextInt()) : IpAddress.v6(random.nextLong(), random.nextLong());
    var mac = new MacAddress(random.nextLong() >>> 16);
    int protocol = random.nextInt(256);
    var prefix = new IpPrefix(address, random.nextInt(address.family().bits() + 1));
    int metric = random.nextInt();
    return switch (random.nextInt(6)) {
      case 0 -> new ForwardingEntry.Neighbor(link, address, mac);
      case 1 -> new ForwardingEntry.Fdb(link, mac, address);
      case 2 -> new ForwardingEntry.Nexthop(link, link, address, protocol);
      case 3 ->
        new ForwardingEntry.Route(prefix, link, address, random.nextBoolean(), 0, protocol, metric);
      case 4 -> new ForwardingEntry.Route(prefix, link, null, false, 0, protocol, metric);
      default -> new ForwardingEntry.Route(prefix, 0, null, false, link, protocol, metric);
    };
  }

  @Test
  void aDumpIsRepeatedWhenTheTableChangedUnderneath() throws IOException {
    script
        .onRequest(sequence -> {
          script.say(message(99, NLM_F_DUMP_INTR, sequence));
          say(script, "nexthops", sequence);
          script.say(message(NLMSG_DONE, 0, sequence));
        })
        .onRequest(sequence -> {
          say(script, "nexthops", sequence);
          script.say(message(NLMSG_DONE, 0, sequence));
        });

    assertEquals(1, kernel.nexthops(0).size());
    assertEquals(2, script.requests());
  }

  @Test
  void aDumpIsRepeatedWhenAnAnswerIsLostOrDamaged() throws IOException {
    script
        .onRequest(sequence -> script.lose())
        .onRequest(sequence -> script.say(new byte[7]))
        .onRequest(sequence -> script.say(
            message(NLMSG_ERROR, 0, sequence, ScriptedKernel.PORT, -Errno.EINTR, 0, 0, 0, 0)))
        .onRequest(sequence -> script.say(message(4, 0, sequence)))
        .onRequest(sequence -> say(script, "fdb", sequence));

    kernel.fdb(4);

    assertEquals(5, script.requests());
  }

  @Test
  void aDumpThatNeverSucceedsEndsWithAnErrorThatSaysWhy() {
    script.onRequest(sequence -> script.say(message(NLMSG_DONE, NLM_F_DUMP_INTR, sequence)));

    var failure = assertThrows(IOException.class, kernel::links);

    assertEquals("dump(links): no usable answer in 16 attempts", failure.getMessage());
    assertTrue(String.valueOf(failure.getCause()).contains("the table changed during the dump"));
  }

  @Test
  void answersToOthersAreIgnored() throws IOException {
    script.onRequest(sequence -> {
      script.say(
          message(NLMSG_ERROR, 0, sequence - 1, ScriptedKernel.PORT, -Errno.EPERM, 0, 0, 0, 0));
      script.say(
          message(NLMSG_ERROR, 0, sequence, ScriptedKernel.PORT + 1, -Errno.EPERM, 0, 0, 0, 0));
      script.say(message(NLMSG_DONE, 0, sequence + 1));
      say(script, "nexthops", sequence);
      script.say(message(NLMSG_DONE, 0, sequence));
    });

    assertEquals(1, kernel.nexthops(0).size());
    assertEquals(1, script.requests());
  }

  @Test
  void aRefusedDumpIsNotRepeated() {
    script.onRequest(sequence ->
        script.say(message(NLMSG_DONE, 0, sequence, ScriptedKernel.PORT, -Errno.EOPNOTSUPP)));

    var refusal = assertThrows(SyscallException.class, () -> kernel.nexthops(0));

    assertEquals("dump(nexthops): EOPNOTSUPP", refusal.getMessage());
    assertEquals(1, script.requests());
  }

  @Test
  void theRefusalsOfARealKernelBelongToTheirEntries() throws IOException {
    script.onRequest(sequence -> {
      int answered = sequence;
      for (byte[] datagram : Capture.read("refusals")) {
        script.say(ScriptedKernel.readdressed(datagram, answered++));
      }
    });
    var changes = new ArrayList<EntryChange>();
    for (int n = 0; n < 5; n++) {
      changes.add(EntryChange.create(new ForwardingEntry.Neighbor(4, IpAddress.v4(n), MAC)));
    }

    var failures = kernel.apply(changes);

    assertEquals(changes, failures.stream().map(EntryFailure::change).toList());
    assertEquals(
        List.of(17, 17, 17, 17, 22), failures.stream().map(EntryFailure::errno).toList());
    assertEquals("Nexthop id does not exist", failures.get(4).explanation());
  }

  @Test
  void aBatchWhoseAnswersAreLostDoesNotClaimSuccess() {
    script.onRequest(sequence -> script.lose());
    var change = EntryChange.create(new ForwardingEntry.Neighbor(4, IpAddress.v4(1), MAC));

    assertThrows(IOException.class, () -> kernel.apply(ImmutableList.of(change)));
  }
}
