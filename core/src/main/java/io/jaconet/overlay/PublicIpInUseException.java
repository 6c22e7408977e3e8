package io.jaconet.overlay;

import java.io.IOException;

/**
 * Another node holds a live lease with the public IP that we would publish: peers could tell the two apart no more. Passes when that lease
 * ends or one of the two publishes another address.
 */
public final class PublicIpInUseException extends IOException {

  public PublicIpInUseException(String message) {
    super(message);
  }
}
