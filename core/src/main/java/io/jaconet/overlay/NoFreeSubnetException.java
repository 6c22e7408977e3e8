package io.jaconet.overlay;

import java.io.IOException;

/** Every subnet of the network is leased. Passes when one is released or the network is made larger. */
public final class NoFreeSubnetException extends IOException {

  public NoFreeSubnetException(String message) {
    super(message);
  }
}
