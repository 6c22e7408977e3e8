package io.jaconet.udp.backend;

import com.google.common.base.Ascii;
import com.google.common.collect.ImmutableList;
import io.jaconet.overlay.BackendOptions;
import io.jaconet.udp.SourceCheck;

/**
 * The options of every data path in user space.
 *
 * @param sourceCheck {@code SourceCheck}, default strict
 */
public record TunnelOptions(SourceCheck sourceCheck) {
  /** The names of the options. */
  public static final ImmutableList<String> NAMES = ImmutableList.of("SourceCheck");

  /** Reads them. */
  public static TunnelOptions of(BackendOptions options) {
    return new TunnelOptions(sourceCheck(options.text("SourceCheck", "strict")));
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
