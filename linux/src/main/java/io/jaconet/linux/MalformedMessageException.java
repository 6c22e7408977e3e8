package io.jaconet.linux;

import com.google.errorprone.annotations.FormatMethod;
import java.io.IOException;

/** A netlink message that does not follow the rules; the message says which one. */
final class MalformedMessageException extends IOException {
  @FormatMethod
  MalformedMessageException(String format, Object... arguments) {
    super(String.format(format, arguments));
  }
}
