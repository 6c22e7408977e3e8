package io.jaconet.linux;

import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import org.junit.jupiter.api.Assumptions;

/** What a kernel test needs before it can run. */
final class Kernel {
  private Kernel() {}

  /** Skips the calling test if it may not make network namespaces; fails it where kernel tests are required. */
  static void requireNamespaces() {
    try {
      NetworkNamespace.createAnonymous().close();
    } catch (IOException e) {
      if (Boolean.getBoolean("jaconet.requireKernel") || "true".equals(System.getenv("CI"))) {
        fail("kernel tests are required here", e);
      }
      Assumptions.abort(e.getMessage());
    }
  }
}
