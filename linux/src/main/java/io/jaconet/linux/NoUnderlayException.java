package io.jaconet.linux;

import java.io.IOException;

/** No interface of the host fits an {@link io.jaconet.overlay.UnderlaySelection}. The message says what was tried and what exists. */
public final class NoUnderlayException extends IOException {
  NoUnderlayException(String message) {
    super(message);
  }
}
