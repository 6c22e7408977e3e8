package io.jaconet.testkit;

import com.google.common.collect.ImmutableList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** Records that are no leases, as any node may write them into a store (the class S of bad input). None shares its key with another. */
final class PoisonRecords {
  private static final long SEED = 20_26;
  private static final String GOOD_VALUE =
      "{\"PublicIP\":\"198.51.100.7\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:00:07\"}}";

  private static final List<String> BAD_KEYS = List.of(
      "",
      " ",
      "\u0000",
      "config",
      "subnets-x",
      "../../etc/passwd",
      "10.9.1.0",
      "10.9.1.0-",
      "10.9.1.0-24/",
      "/10.9.1.0-24",
      "x/10.9.1.0-24",
      "zz10.9.1.0-24",
      "10.9.1.0-24 ",
      "10.9.1.0-24\n",
      "010.9.1.0-24",
      "10.9.1.0-024",
      "10.9.1.1-24",
      "10.9.1.0-32",
      "10.9.1.0-33",
      "10.9.1.0-99999999999999999999",
      "10.9.1.300-24",
      "10.9.1-24",
      "-1.9.1.0-24",
      "10.9.1.0-24&",
      "10.9.1.0-24&fd00:9::",
      "10.9.1.0-24&FD00:9::-64",
      "10.9.1.0-24&fd00:9:0::-64",
      "10.9.1.0-24&fd00:9::1-64",
      "10.9.1.0-24&fd00:9::-128",
      "10.9.1.0-24&fd00:9::-64&fd00:9::-64",
      "fd00:9::-64&10.9.1.0-24",
      "fd00:9::%eth0-64",
      "\u0661\u0660.9.1.0-24",
      "\u202e10.9.1.0-24",
      "1".repeat(5000));

  private static final List<String> BAD_VALUES = List.of(
      "",
      " ",
      "null",
      "[]",
      "42",
      "\"10.9.1.0\"",
      "{",
      "not json",
      "{\"PublicIP\":5}",
      "{\"PublicIP\":[]}",
      "{\"PublicIP\":{}}",
      "{\"PublicIP\":\"300.1.1.1\"}",
      "{\"PublicIP\":\"198.51.100.7/24\"}",
      "{\"PublicIP\":\"host.example\"}",
      "{\"PublicIP\":\"198.51.100.7\",\"PublicIPv6\":\"198.51.100.7x\"}",
      "{\"PublicIP\":\"198.51.100.7\",\"BackendType\":[\"vxlan\"]}",
      GOOD_VALUE + GOOD_VALUE,
      GOOD_VALUE + "}",
      "{\"PublicIP\":\"198.51.100.7\",\"BackendData\":" + "[".repeat(10_000) + "]".repeat(10_000)
          + "}",
      "{\"PublicIP\":\"198.51.100.7\",\"BackendType\":\"" + "x".repeat(1_500_000) + "\"}");

  private PoisonRecords() {}

  /** A record as it stands in a store. */
  record Poison(String key, String value) {

    @Override
    public String toString() {
      return abbreviated(key) + " = " + abbreviated(value);
    }

    private static String abbreviated(String text) {
      return text.length() <= 80 ? text : text.substring(0, 80) + "...";
    }
  }

  /** Returns all of them, bad keys and bad values mixed; the same at each call. */
  static ImmutableList<Poison> all() {
    var random = new Random(SEED);
    var records = ImmutableList.<Poison>builder();
    for (var key : BAD_KEYS) {
      records.add(new Poison(key, GOOD_VALUE));
    }
    int subnet = 0;
    for (var value : BAD_VALUES) {
      records.add(new Poison("10.8." + subnet++ + ".0-24", value));
    }
    for (int i = 0; i < 30; i++) {
      var torn = GOOD_VALUE.substring(0, 1 + random.nextInt(GOOD_VALUE.length() - 1));
      records.add(new Poison(
          "10.8." + subnet++ + ".0-24&fd00:8:0:" + Integer.toHexString(i + 1) + "::-64", torn));
    }
    var mixed = new ArrayList<>(records.build());
    Collections.shuffle(mixed, random);
    return ImmutableList.copyOf(mixed);
  }
}
