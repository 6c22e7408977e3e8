package io.jaconet.udp;

import com.google.common.base.Ascii;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.overlay.NetworkConfig;

/**
 * The options of the udp backend.
 *
 * @param port {@code Port}, where this host and every peer listens, default 8285; flannel's only option
 * @param sourceCheck {@code SourceCheck}, default strict
 */
record UdpOptions(int port, SourceCheck sourceCheck) {
  private static final int FLANNEL_PORT = 8285;

  static UdpOptions of(NetworkConfig config) {
    BackendOptions options = config.backendOptions();
    options.warnOfUnknown("Port", "SourceCheck");
    return new UdpOptions(
        options.integer("Port", FLANNEL_PORT, 1, 65_535),
        sourceCheck(options.text("SourceCheck", "strict")));
  }

  private static SourceCheck sourceCheck(String text) {
    for (SourceCheck check : SourceCheck.values()) {
      if (Ascii.toLowerCase(check.name()).equals(text)) {
        return check;
      }
    }
    throw new IllegalArgumentException("Backend.SourceCheck: \"" + text
        + "\" is not whom to believe; allowed is strict, loose or off, for example \"strict\"");
  }
}
