package io.jaconet.overlay;

import io.jaconet.internal.Printable;

/**
 * A place in the configuration: what a message about a wrong value has to say.
 *
 * @param path where, such as {@code Backend.VNI}
 * @param allowed what may stand there, in words
 * @param example a value that may stand there
 */
record Setting(String path, String allowed, Object example) {

  /** Returns what to throw because {@code given} stands there; only the beginning of it is shown. */
  IllegalArgumentException wrong(Object given) {
    return new IllegalArgumentException(path + " is " + Printable.of(given.toString()) + demand());
  }

  /** Returns what to throw because nothing stands there. */
  IllegalArgumentException missing() {
    return new IllegalArgumentException(path + " is missing" + demand());
  }

  private String demand() {
    return "; it must be " + allowed + ", such as " + example;
  }
}
