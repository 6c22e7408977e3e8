package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.Maps;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.overlay.Underlay;
import io.jaconet.overlay.UnderlaySelection;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnderlayChoiceTest {
  private static final Set<IpFamily> V4 = EnumSet.of(IpFamily.V4);
  private static final Set<IpFamily> V6 = EnumSet.of(IpFamily.V6);
  private static final Set<IpFamily> DUAL = EnumSet.allOf(IpFamily.class);

  private static final int PERMANENT = 0x80;
  private static final int DEPRECATED = 0x20;
  private static final int DADFAILED = 0x08;
  private static final int TEMPORARY = 0x01;

  private final List<Link> links = new ArrayList<>();
  private final List<LinkAddress> addresses = new ArrayList<>();
  private final Map<IpFamily, Integer> defaults = new EnumMap<>(IpFamily.class);
  private final Map<IpAddress, UnderlayChoice.Way> ways = new java.util.HashMap<>();

  /** lo, eth0 with both families and the default route, eth1 with IPv4 alone, eth2 with IPv6 alone, wg0 with both. */
  private UnderlayChoiceTest withUsualHost() {
    link(1, "lo", 65536, "127.0.0.1", "::1");
    link(2, "eth0", 1500, "192.0.2.10", "2001:db8::10", "fe80::10");
    link(3, "eth1", 9000, "198.51.100.10", "198.51.100.11");
    link(4, "eth2", 1400, "2001:db8:2::10", "fe80::12");
    link(5, "wg0", 1420, "192.0.2.99", "2001:db8:9::99");
    defaults.put(IpFamily.V4, 2);
    defaults.put(IpFamily.V6, 2);
    return this;
  }

  private void link(int index, String name, int mtu, String... texts) {
    links.add(new Link(index, name, null, null, mtu, true, 0, null));
    for (var text : texts) {
      address(index, text, PERMANENT);
    }
  }

  private void address(int index, String text, int flags) {
    var address = IpAddress.parse(text);
    addresses.add(
        new LinkAddress(index, address, address.family() == IpFamily.V4 ? 24 : 64, 0, flags));
  }

  private Underlay choose(UnderlaySelection.Builder selection, Set<IpFamily> families)
      throws IOException {
    var host = new HostInterfaces(
        ImmutableList.copyOf(links),
        ImmutableList.copyOf(addresses),
        Maps.immutableEnumMap(defaults));
    return new UnderlayChoice(
            host, to -> Optional.ofNullable(ways.get(to)), selection.build(), families)
        .choose();
  }

  private String refusal(UnderlaySelection.Builder selection, Set<IpFamily> families) {
    return assertThrows(NoUnderlayException.class, () -> choose(selection, families))
        .toString();
  }

  private static void assertMentions(String part, String message) {
    assertTrue(message.contains(part), message);
  }

  /** Prints as {@code eth0/1500 [addresses] [public IPs]}. */
  private static String text(Underlay underlay) {
    return underlay.interfaceName() + "/" + underlay.mtu() + " "
        + underlay.addresses().values() + " " + underlay.publicIps().values();
  }

  private static UnderlaySelection.Builder selection() {
    return UnderlaySelection.builder();
  }

  private static UnderlaySelection.Builder withPublic(
      UnderlaySelection.Builder selection, String... publicIps) {
    var byFamily = ImmutableMap.<IpFamily, IpAddress>builder();
    for (var text : publicIps) {
      var address = IpAddress.parse(text);
      byFamily.put(address.family(), address);
    }
    return selection.publicIps(byFamily.buildOrThrow());
  }

  private static Set<IpFamily> families(String text) {
    return switch (text) {
      case "v4" -> V4;
      case "v6" -> V6;
      default -> DUAL;
    };
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      eth1                | v4   | eth1/9000 [198.51.100.10] [198.51.100.10]
      eth0                | v6   | eth0/1500 [2001:db8::10] [2001:db8::10]
      eth0                | dual | eth0/1500 [192.0.2.10, 2001:db8::10] [192.0.2.10, 2001:db8::10]
      198.51.100.11       | v4   | eth1/9000 [198.51.100.11] [198.51.100.11]
      2001:db8:2::10      | v6   | eth2/1400 [2001:db8:2::10] [2001:db8:2::10]
      2001:DB8:2:0::10    | v6   | eth2/1400 [2001:db8:2::10] [2001:db8:2::10]
      192.0.2.99          | dual | wg0/1420 [192.0.2.99, 2001:db8:9::99] [192.0.2.99, 2001:db8:9::99]
      2001:db8:9::99      | dual | wg0/1420 [192.0.2.99, 2001:db8:9::99] [192.0.2.99, 2001:db8:9::99]
      """)
  void takesAnInterfaceByNameOrAddress(String text, String families, String expected)
      throws IOException {
    assertEquals(
        expected,
        text(withUsualHost().choose(selection().addInterfaces(text), families(families))));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      198\\.51            | v4   | eth1/9000 [198.51.100.10] [198.51.100.10]
      100\\.11$           | v4   | eth1/9000 [198.51.100.11] [198.51.100.11]
      db8:2:              | v6   | eth2/1400 [2001:db8:2::10] [2001:db8:2::10]
      99                  | dual | wg0/1420 [192.0.2.99, 2001:db8:9::99] [192.0.2.99, 2001:db8:9::99]
      ^wg                 | v4   | wg0/1420 [192.0.2.99] [192.0.2.99]
      eth                 | v4   | eth0/1500 [192.0.2.10] [192.0.2.10]
      (?i)ETH1            | v4   | eth1/9000 [198.51.100.10] [198.51.100.10]
      """)
  void searchesAPatternInAddressesThenInNames(String pattern, String families, String expected)
      throws IOException {
    assertEquals(
        expected,
        text(
            withUsualHost().choose(selection().addInterfacePatterns(pattern), families(families))));
  }

  @Test
  void aDualStackPatternDoesNotMixTheAddressesOfTwoInterfaces() throws IOException {
    withUsualHost();
    address(4, "203.0.113.5", PERMANENT);

    var byName = choose(selection().addInterfacePatterns("^198\\.51|^eth2$"), DUAL);

    assertEquals(
        "eth2/1400 [203.0.113.5, 2001:db8:2::10] [203.0.113.5, 2001:db8:2::10]", text(byName));
  }

  @Test
  void anAddressMatchOnALaterInterfaceBeatsANameMatchOnAnEarlierOne() throws IOException {
    assertEquals(
        "eth1",
        withUsualHost().choose(selection().addInterfacePatterns("eth0|198"), V4).interfaceName());
  }

  @Test
  void interfacesComeBeforePatternsBeforeTheRouteAndFailuresMoveOn() throws IOException {
    withUsualHost();
    ways.put(IpAddress.parse("203.0.113.1"), new UnderlayChoice.Way(2, null));
    var all = selection()
        .addInterfaces("absent", "eth2", "eth1")
        .addInterfacePatterns("wg0")
        .canReach(IpAddress.parse("203.0.113.1"));

    assertEquals("eth1", choose(all, V4).interfaceName());
    assertEquals("wg0", choose(all.interfaces(List.of("absent")), V4).interfaceName());
    assertEquals("eth0", choose(all.interfacePatterns(List.of("absent")), V4).interfaceName());
  }

  @Test
  void anExplicitChoiceThatFailsDoesNotFallBackToTheDefaultRoute() {
    var message = withUsualHost()
        .refusal(selection().addInterfaces("absent", "192.0.2.77").addInterfacePatterns("^zz"), V4);

    assertMentions("interface 'absent': no interface has this name", message);
    assertMentions("interface '192.0.2.77': no interface has this address", message);
    assertMentions("pattern '^zz': found neither", message);
    assertMentions("eth1 (mtu 9000, 198.51.100.10/24, 198.51.100.11/24)", message);
  }

  @Test
  void theRouteDecidesTheInterfaceAndTheSourceOfItsOwnFamily() throws IOException {
    withUsualHost();
    var v4 = IpAddress.parse("203.0.113.1");
    var v6 = IpAddress.parse("2001:db8:ffff::1");
    ways.put(v4, new UnderlayChoice.Way(3, IpAddress.parse("198.51.100.11")));
    ways.put(v6, new UnderlayChoice.Way(5, IpAddress.parse("2001:db8:9::99")));

    assertEquals(
        "eth1/9000 [198.51.100.11] [198.51.100.11]", text(choose(selection().canReach(v4), V4)));
    assertEquals("wg0/1420 [192.0.2.99] [192.0.2.99]", text(choose(selection().canReach(v6), V4)));
    assertEquals(
        "wg0/1420 [192.0.2.99, 2001:db8:9::99] [192.0.2.99, 2001:db8:9::99]",
        text(choose(selection().canReach(v6), DUAL)));
  }

  @Test
  void anUnreachableTargetAndTheOwnAddressAreRefused() {
    withUsualHost();
    var own = IpAddress.parse("192.0.2.10");
    ways.put(own, new UnderlayChoice.Way(1, own));

    assertMentions(
        "there is no route", refusal(selection().canReach(IpAddress.parse("203.0.113.1")), V4));
    assertMentions("this host's own address", refusal(selection().canReach(own), V4));
  }

  @Test
  void withoutAChoiceTheDefaultRouteDecides() throws IOException {
    withUsualHost();

    assertEquals("eth0/1500 [192.0.2.10] [192.0.2.10]", text(choose(selection(), V4)));
    assertEquals("eth0/1500 [2001:db8::10] [2001:db8::10]", text(choose(selection(), V6)));
    assertEquals("eth0", choose(selection(), DUAL).interfaceName());
  }

  @Test
  void twoDefaultRoutesOfDualStackMustAgree() throws IOException {
    withUsualHost();
    defaults.put(IpFamily.V6, 5);

    assertMentions("IPv4 leaves by eth0, IPv6 by wg0", refusal(selection(), DUAL));
    assertEquals("wg0", choose(selection(), V6).interfaceName());
  }

  @Test
  void aMissingDefaultRouteNamesTheFamily() {
    withUsualHost();
    defaults.remove(IpFamily.V6);

    assertMentions("there is no IPv6 default route", refusal(selection(), DUAL));
  }

  @Test
  void aPublicIpAloneMustBeConfiguredHere() throws IOException {
    withUsualHost();

    assertEquals(
        "eth1/9000 [198.51.100.11] [198.51.100.11]",
        text(choose(withPublic(selection(), "198.51.100.11"), V4)));
    assertMentions(
        "choose the interface as well", refusal(withPublic(selection(), "203.0.113.7"), V4));
  }

  @Test
  void aPublicIpOfAFamilyThatIsOffSelectsNothing() throws IOException {
    assertEquals(
        "eth0/1500 [2001:db8::10] [2001:db8::10]",
        text(withUsualHost().choose(withPublic(selection(), "198.51.100.11"), V6)));
  }

  @Test
  void aPublicIpBehindANatIsPublishedBesideTheInterfacesOwn() throws IOException {
    assertEquals(
        "eth0/1500 [192.0.2.10, 2001:db8::10] [203.0.113.7, 2001:db8::10]",
        text(withUsualHost()
            .choose(withPublic(selection().addInterfaces("eth0"), "203.0.113.7"), DUAL)));
  }

  @Test
  void anIpv6InterfaceAddressInDualStackNeedsNoPublicIp() throws IOException {
    assertEquals(
        "eth0/1500 [192.0.2.10, 2001:db8::10] [192.0.2.10, 2001:db8::10]",
        text(withUsualHost().choose(selection().addInterfaces("2001:db8::10"), DUAL)));
  }

  @Test
  void theOtherFamilysPublicIpOnTheSameInterfaceBecomesItsAddress() throws IOException {
    withUsualHost();
    address(2, "2001:db8::20", PERMANENT);

    var chosen = choose(withPublic(selection().addInterfaces("192.0.2.10"), "2001:db8::20"), DUAL);

    assertEquals("eth0/1500 [192.0.2.10, 2001:db8::20] [192.0.2.10, 2001:db8::20]", text(chosen));
  }

  @Test
  void theOtherFamilysPublicIpOnAnotherInterfaceIsRefused() {
    var message = withUsualHost()
        .refusal(withPublic(selection().addInterfaces("192.0.2.10"), "2001:db8:9::99"), DUAL);

    assertMentions("it is on eth0, but public IP 2001:db8:9::99 is on wg0", message);
  }

  @Test
  void anAddressOfAFamilyThatIsOffIsRefused() {
    assertMentions(
        "the network does not use IPv6",
        withUsualHost().refusal(selection().addInterfaces("2001:db8::10"), V4));
  }

  @Test
  void mtuZeroIsRefused() {
    link(2, "eth0", 0, "192.0.2.10");

    assertMentions("eth0 has MTU 0", refusal(selection().addInterfaces("eth0"), V4));
  }

  @Test
  void anInterfaceWithoutAUsableAddressSaysWhatIsWrongWithThoseItHas() {
    link(2, "eth0", 1500);
    address(2, "2001:db8::1", DEPRECATED | PERMANENT);
    address(2, "2001:db8::2", DADFAILED | PERMANENT);

    var message = refusal(selection().addInterfaces("eth0"), V6);

    assertMentions(
        "no usable IPv6 address (2001:db8::1 is deprecated, 2001:db8::2 is a duplicate)", message);
  }

  @Test
  void prefersGlobalThenPermanentThenStableThenTheKernelsOrder() throws IOException {
    link(2, "eth0", 1500);
    address(2, "fe80::1", PERMANENT);
    address(2, "2001:db8::1", TEMPORARY);
    address(2, "2001:db8::2", 0);
    address(2, "2001:db8::3", DEPRECATED | PERMANENT);
    address(2, "2001:db8::4", PERMANENT);
    address(2, "2001:db8::5", PERMANENT);
    var order = new ArrayList<String>();

    while (true) {
      var best = choose(selection().addInterfaces("eth0"), V6).addresses().get(IpFamily.V6);
      order.add(String.valueOf(best));
      addresses.removeIf(a -> a.address().equals(best));
      if (order.size() == 5) {
        break;
      }
    }

    assertEquals(
        List.of("2001:db8::4", "2001:db8::5", "2001:db8::2", "2001:db8::1", "fe80::1"), order);
  }

  @Test
  void theFirstInterfaceByIndexWinsWhateverTheOrderOfTheDump() throws IOException {
    link(9, "eth9", 1500, "192.0.2.10");
    link(2, "eth0", 1500, "192.0.2.10");

    assertEquals("eth0", choose(selection().addInterfaces("192.0.2.10"), V4).interfaceName());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(([0-9a-f:]+)+)+!",
        "(.*.*.*.*.*.*.*.*)*!",
        "((a|:|[0-9a-f])*)*$^x",
        "(((((.?){0,9}){0,9}){0,9}){0,9})*!"
      })
  void aPatternThatBacktracksForeverIsGivenUp(String pattern) {
    link(2, "eth0", 1500, "2001:db8:1111:2222:3333:4444:5555:6666");

    var message = assertTimeoutPreemptively(
        Duration.ofSeconds(5), () -> refusal(selection().addInterfacePatterns(pattern), V6));

    assertMentions("pattern '" + pattern + "'", message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "(", "[a", "(){1000}{2}", "((x{50}){50}){50}", "a{99999999999}"})
  void aMalformedOrExcessivePatternIsTheCallersMistake(String pattern) {
    assertThrows(
        IllegalArgumentException.class,
        () -> withUsualHost().choose(selection().addInterfacePatterns(pattern), V4));
  }

  @Test
  void aPatternTooLongIsTheCallersMistake() {
    assertThrows(
        IllegalArgumentException.class,
        () -> withUsualHost().choose(selection().addInterfacePatterns("a".repeat(257)), V4));
  }

  @Test
  void aHostWithoutInterfacesGetsAMessageAndNoCrash() {
    assertMentions("Interfaces here: none", refusal(selection(), DUAL));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::1", "ff02::1"})
  void aPublicIpThatNoPeerCouldSendToIsTheCallersMistake(String publicIp) {
    assertThrows(
        IllegalArgumentException.class, () -> withPublic(selection(), publicIp).build());
  }
}
