package io.jaconet.overlay;

/** The options of a backend: the members of the configuration's {@code Backend} object other than {@code Type}. */
public interface BackendOptions {

  /**
   * Returns the whole number called {@code name} (case does not matter), or {@code absent} if there is none.
   *
   * @throws IllegalArgumentException if it is no whole number or not within {@code min} and {@code max}; the message has the JSON path,
   *     the value, the range and a valid example
   */
  int integer(String name, int absent, int min, int max);

  /**
   * Returns the boolean called {@code name} (case does not matter), or {@code absent} if there is none.
   *
   * @throws IllegalArgumentException if it is no boolean
   */
  boolean bool(String name, boolean absent);
}
