package io.jaconet.overlay;

import io.jaconet.net.IpAddress;
import io.jaconet.net.IpFamily;
import org.jspecify.annotations.Nullable;

/**
 * Reads lease values that are spelled exactly as flanneld spells them, several times faster than a general parser: a cold start has
 * thousands of them. Whatever else it meets is left to the general parser, errors included.
 */
final class FlannelSpelling {
  private static final int MAX_DIGITS = 18;

  private final String json;
  private int at;

  private FlannelSpelling(String json) {
    this.json = json;
  }

  /** Returns the attributes, or null if {@code json} is spelled in another way. */
  static @Nullable LeaseAttributes read(String json) {
    try {
      return new FlannelSpelling(json).attributes();
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Returns whether {@code json} is an object that a general parser would write just like that. */
  static boolean isFlatObject(String json) {
    try {
      return new FlannelSpelling(json).flatObject().length() == json.length();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private @Nullable LeaseAttributes attributes() {
    demand("{\"PublicIP\":\"");
    var v4 = address(IpFamily.V4);
    demand(",\"PublicIPv6\":");
    IpAddress v6 = null;
    if (!take("null")) {
      demand("\"");
      v6 = address(IpFamily.V6);
    }
    String type = take(",\"BackendType\":\"") ? word() : "";
    String data = take(",\"BackendData\":") ? flatObject() : null;
    String v6Data = take(",\"BackendV6Data\":") ? flatObject() : null;
    demand("}");
    return at == json.length() ? new LeaseAttributes(v4, v6, type, data, v6Data) : null;
  }

  private @Nullable IpAddress address(IpFamily family) {
    int end = json.indexOf('"', at);
    var address = IpAddress.parse(json.substring(at, Math.max(at, end)));
    if (address.family() != family) {
      throw new IllegalArgumentException();
    }
    at = end + 1;
    return address.isUnspecified() ? null : address;
  }

  private String word() {
    int start = at;
    while (at < json.length()
        && at - start < LeaseAttributesJson.MAX_TYPE_CHARS
        && isLowerCaseNameChar(json.charAt(at))) {
      at++;
    }
    String word = json.substring(start, at);
    demand("\"");
    return word;
  }

  private static boolean isLowerCaseNameChar(char c) {
    return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-';
  }

  /** Passes an object of plain strings, whole numbers and literals without any space, and returns its text. */
  private String flatObject() {
    int start = at;
    demand("{\"");
    do {
      int name = at - 1;
      string();
      demand(":");
      // A name that was there before: no string of this object holds a quote, so nothing else looks
      // like that.
      if (json.indexOf(json.substring(name, at), start) < name) {
        throw new IllegalArgumentException();
      }
      scalar();
    } while (take(",\""));
    demand("}");
    return json.substring(start, at);
  }

  private void scalar() {
    if (take("\"")) {
      string();
    } else if (!take("true") && !take("false") && !take("null") && !take("0")) {
      int start = at;
      while (at < json.length()
          && json.charAt(at) >= (at == start ? '1' : '0')
          && json.charAt(at) <= '9') {
        at++;
      }
      if (at == start || at - start > MAX_DIGITS) {
        throw new IllegalArgumentException();
      }
    }
  }

  /** Passes the rest of a string that needs no escapes. */
  private void string() {
    while (at < json.length() && json.charAt(at) != '"') {
      char c = json.charAt(at++);
      if (c < 0x20 || c > 0x7e || c == '\\') {
        throw new IllegalArgumentException();
      }
    }
    demand("\"");
  }

  private boolean take(String text) {
    boolean taken = json.startsWith(text, at);
    at += taken ? text.length() : 0;
    return taken;
  }

  private void demand(String text) {
    if (!take(text)) {
      throw new IllegalArgumentException();
    }
  }
}
