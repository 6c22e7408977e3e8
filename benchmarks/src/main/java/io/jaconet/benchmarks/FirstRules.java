package io.jaconet.benchmarks;

import io.jaconet.iptables.Driver;
import io.jaconet.linux.NetworkNamespace;

/** Sets the rules of {@link Rules} as the first thing that the JVM does, and tells how long it took. */
final class FirstRules {
  static final String MILLIS = "millis";

  private FirstRules() {}

  /** Takes the driver. */
  public static void main(String[] args) throws Exception {
    try (var namespace = NetworkNamespace.createAnonymous();
        var filter = Rules.filter(namespace, Driver.valueOf(args[0]))) {
      System.out.println(MILLIS + " " + Rules.programmingMillis(filter));
    }
  }
}
