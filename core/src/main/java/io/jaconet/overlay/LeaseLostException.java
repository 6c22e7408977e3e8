package io.jaconet.overlay;

import java.io.IOException;

/** The lease is no longer ours: it ended, or the record was taken or changed by another. Its subnet must not be used. */
public final class LeaseLostException extends IOException {

  public LeaseLostException(String message) {
    super(message);
  }
}
