package io.jaconet.overlay;

import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.jaconet.internal.AtomicFile;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a host tells its CNI plugins and its next start: flannel's {@code subnet.env}. Only ever a hint, never the truth, which is in the
 * store.
 *
 * @param networks the overlay's prefix, per enabled family
 * @param subnets the host's own subnet, per enabled family
 * @param mtu the MTU for workloads in bytes; 0 if a file did not say
 * @param masquerade whether the host masquerades, so that plugins need not
 */
public record SubnetEnv(
    ImmutableMap<IpFamily, IpPrefix> networks, ImmutableMap<IpFamily, IpPrefix> subnets, int mtu, boolean masquerade) {
  private static final int MAX_BYTES = 1 << 16;

  /** A line in dotenv syntax: {@code KEY=value} or {@code KEY: value}; the value bare, or in quotes of either kind. */
  private static final Pattern LINE = Pattern.compile(
      "\\s*(?:export\\s+)?(?<key>[A-Za-z0-9_.]+)\\s*[=:]\\s*"
          + "(?:\"(?<double>[^\"]*)\"|'(?<single>[^']*)'|(?<bare>[^\\s\"'#][^\\s\"']*)?)\\s*(?:#.*)?");

  private static final Pattern MTU = Pattern.compile("[1-9][0-9]{0,4}");

  /** Returns what a host with these subnets writes. */
  public static SubnetEnv of(NetworkConfig config, Subnets own, int mtu, boolean masquerade) {
    var subnets = new EnumMap<IpFamily, IpPrefix>(IpFamily.class);
    own.prefixes().forEach(prefix -> subnets.put(prefix.family(), prefix));
    return new SubnetEnv(config.networks(), ImmutableMap.copyOf(subnets), mtu, masquerade);
  }

  /**
   * Parses dotenv syntax. Lines that are none are skipped; of several lines with one key the last counts. A value may be a list with commas:
   * what is no prefix in it is skipped, and unless exactly one is left there is none.
   */
  public static SubnetEnv parse(String text) {
    Map<String, String> values = new HashMap<>();
    for (String line : text.lines().toList()) {
      var matcher = LINE.matcher(line);
      if (matcher.matches()) {
        var value = Arrays.asList(matcher.group("double"), matcher.group("single"), matcher.group("bare"), "").stream()
            .filter(Objects::nonNull)
            .findFirst()
            .orElse("");
        values.put(matcher.group("key"), value);
      }
    }
    var mtu = values.getOrDefault("FLANNEL_MTU", "");
    return new SubnetEnv(
        prefixes(values, "NETWORK"),
        prefixes(values, "SUBNET"),
        MTU.matcher(mtu).matches() ? Integer.parseInt(mtu) : 0,
        values.getOrDefault("FLANNEL_IPMASQ", "").equals("true"));
  }

  private static ImmutableMap<IpFamily, IpPrefix> prefixes(Map<String, String> values, String name) {
    ImmutableMap.Builder<IpFamily, IpPrefix> prefixes = ImmutableMap.builder();
    for (IpFamily family : IpFamily.values()) {
      onlyPrefix(values.getOrDefault(key(family, name), ""), family).ifPresent(prefix -> prefixes.put(family, prefix));
    }
    return prefixes.buildOrThrow();
  }

  private static Optional<IpPrefix> onlyPrefix(String list, IpFamily family) {
    ImmutableList.Builder<IpPrefix> valid = ImmutableList.builder();
    for (String element : Splitter.on(',').split(list)) {
      try {
        var prefix = IpPrefix.parse(element.strip());
        if (prefix.family() == family) {
          valid.add(prefix);
        }
      } catch (IllegalArgumentException e) {
        // Flannel skips it too.
      }
    }
    var prefixes = valid.build();
    return prefixes.size() == 1 ? Optional.of(prefixes.get(0)) : Optional.empty();
  }

  private static String key(IpFamily family, String name) {
    return (family == IpFamily.V4 ? "FLANNEL_" : "FLANNEL_IPV6_") + name;
  }

  /** Returns the file's text, byte for byte as flanneld writes it. */
  public String render() {
    var text = new StringBuilder();
    for (IpFamily family : IpFamily.values()) {
      var network = networks.get(family);
      var subnet = subnets.get(family);
      if (network != null && subnet != null) {
        text.append(key(family, "NETWORK")).append('=').append(network).append('\n');
        text.append(key(family, "SUBNET")).append('=').append(gateway(subnet)).append('\n');
      }
    }
    return text.append("FLANNEL_MTU=" + mtu + "\nFLANNEL_IPMASQ=" + masquerade + "\n").toString();
  }

  /** The address that a bridge of workloads has by convention: the subnet's second. */
  private static String gateway(IpPrefix subnet) {
    IpAddress second = subnet.base().plus(1);
    return second + "/" + subnet.length();
  }

  /** Returns the subnets as the ones to ask for again; null if there are none. */
  public @Nullable Subnets previous() {
    var v4 = subnets.get(IpFamily.V4);
    var v6 = subnets.get(IpFamily.V6);
    if (v4 != null) {
      return v6 == null ? Subnets.of(v4) : Subnets.of(v4, v6);
    }
    return v6 == null ? null : Subnets.of(v6);
  }

  /**
   * Reads a file without ever waiting for it.
   *
   * @throws java.nio.file.NoSuchFileException if there is none
   * @throws IOException if it is not to be trusted or names no subnet; the message says why, and the file is best ignored
   */
  public static SubnetEnv read(Path file) throws IOException {
    var text = new String(AtomicFile.read(file, MAX_BYTES), StandardCharsets.UTF_8);
    // Written by someone who was interrupted: 10.244.1.1/2 may have been going to be /24.
    if (!text.endsWith("\n")) {
      throw new IOException(file + " is incomplete: its last line has no end");
    }
    var env = parse(text);
    if (env.subnets.isEmpty()) {
      throw new IOException(file + " names no subnet");
    }
    return env;
  }

  /**
   * Replaces {@code file}, so that any reader finds the old or the new content, also after a crash at any moment. Missing directories are
   * made with mode 0755; the file keeps its mode, a new one gets 0644.
   *
   * @throws IOException if that failed; the old content is still there
   */
  public void write(Path file) throws IOException {
    AtomicFile.replace(file, render().getBytes(StandardCharsets.UTF_8), PosixFilePermissions.fromString("rw-r--r--"));
  }
}
