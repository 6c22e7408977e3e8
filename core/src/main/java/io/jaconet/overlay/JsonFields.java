package io.jaconet.overlay;

import static java.util.stream.Collectors.joining;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.jaconet.internal.Printable;
import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import io.jaconet.net.IpPrefix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The members of a JSON object of the configuration or of a lease, found as flannel finds them: case does not matter, the last of several counts.
 *
 * @param path the place of the object and a dot; empty at the top
 */
record JsonFields(String path, JsonObject object) {
  private static final Logger log = LoggerFactory.getLogger(JsonFields.class);
  private static final int MAX_NAMES_LOGGED = 8;

  /** Flannel's decoder takes neither fractions nor exponents, not even {@code 7.0}. Eleven characters always fit a long. */
  private static final Pattern WHOLE_NUMBER = Pattern.compile("0|-?[1-9][0-9]{0,9}");

  @Nullable
  JsonElement get(String name) {
    JsonElement last = null;
    for (var member : object.entrySet()) {
      if (member.getKey().equalsIgnoreCase(name)) {
        last = member.getValue();
      }
    }
    return last;
  }

  /** Returns the member, or null if it is absent or {@code null}, which to flannel is the same for all but IPv4 addresses. */
  private @Nullable JsonElement plain(String name) {
    var element = get(name);
    return element == null || element.isJsonNull() ? null : element;
  }

  boolean bool(String name, boolean absent) {
    var element = plain(name);
    if (element == null) {
      return absent;
    }
    if (element instanceof JsonPrimitive p && p.isBoolean()) {
      return p.getAsBoolean();
    }
    throw new Setting(path + name, "true or false", absent).wrong(element);
  }

  int integer(String name, int absent, int min, int max) {
    var element = plain(name);
    if (element == null) {
      return absent;
    }
    if (element instanceof JsonPrimitive p
        && p.isNumber()
        && WHOLE_NUMBER.matcher(p.getAsString()).matches()) {
      long value = Long.parseLong(p.getAsString());
      if (value >= min && value <= max) {
        return (int) value;
      }
    }
    int example = absent >= min && absent <= max ? absent : min;
    throw new Setting(path + name, "a whole number from " + min + " to " + max, example)
        .wrong(element);
  }

  String text(String name, String absent) {
    var element = plain(name);
    if (element == null) {
      return absent;
    }
    if (element instanceof JsonPrimitive p && p.isString()) {
      return p.getAsString();
    }
    throw new Setting(path + name, "a string", new JsonPrimitive(absent)).wrong(element);
  }

  /** Returns the prefix, or null if it is absent or the default prefix, which stands for absence. */
  @Nullable
  IpPrefix prefix(String name, IpFamily family) {
    var element = get(name);
    if (element == null) {
      return null;
    }
    try {
      var prefix = IpPrefix.parse(string(element));
      if (prefix.family() == family) {
        return prefix.isDefault() ? null : prefix;
      }
    } catch (IllegalArgumentException e) {
      // The message below says more than the parser's.
    }
    throw new Setting(path + name, "an " + family + " prefix", SubnetRange.exampleNetwork(family))
        .wrong(element);
  }

  /** Returns the address, or null if it is absent or unspecified. Only an IPv6 address may be {@code null}. */
  @Nullable
  IpAddress address(String name, IpFamily family, IpAddress example) {
    var element = family == IpFamily.V6 ? plain(name) : get(name);
    if (element == null) {
      return null;
    }
    try {
      var address = IpAddress.parse(string(element));
      if (address.family() == family) {
        return address.isUnspecified() ? null : address;
      }
    } catch (IllegalArgumentException e) {
      // The message below says more than the parser's.
    }
    throw new Setting(path + name, "an " + family + " address", example).wrong(element);
  }

  private static String string(JsonElement element) {
    return element instanceof JsonPrimitive p && p.isString() ? p.getAsString() : "";
  }

  /** Logs the names of the members that are not among {@code known}. */
  void warnOfUnknown(String... known) {
    var unknown = new ArrayList<String>();
    for (var name : object.keySet()) {
      if (Arrays.stream(known).noneMatch(name::equalsIgnoreCase)) {
        unknown.add(name);
      }
    }
    if (!unknown.isEmpty()) {
      log.warn(
          "Ignoring {} unknown keys of the configuration: {}",
          unknown.size(),
          unknown.stream()
              .limit(MAX_NAMES_LOGGED)
              .map(name -> path + Printable.of(name))
              .collect(joining(", ")));
    }
  }
}
