package io.jaconet.linux;

import java.io.IOException;

/** An answer of the kernel did not reach us whole; what was asked must be asked again. */
final class LostAnswerException extends IOException {
  LostAnswerException(String reason) {
    super(reason);
  }
}
