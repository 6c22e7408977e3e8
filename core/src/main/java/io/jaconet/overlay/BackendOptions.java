package io.jaconet.overlay;

import com.google.gson.JsonObject;
import org.jspecify.annotations.Nullable;

/**
 * The options of a backend: the members of the configuration's {@code Backend} object other than {@code Type}. Case does not matter
 * in their names, and an option that is {@code null} is as good as absent. Errors are {@link IllegalArgumentException}s whose message
 * has the JSON path, the value, what is allowed and an example.
 */
public final class BackendOptions {
  private final JsonFields fields;

  /** Takes {@code options} over: nobody may change it afterwards. */
  BackendOptions(JsonObject options) {
    this.fields = new JsonFields("Backend.", options);
  }

  /**
   * Returns the whole number called {@code name}, or {@code absent} if there is none.
   *
   * @throws IllegalArgumentException if it is no whole number or not within {@code min} and {@code max}
   */
  public int integer(String name, int absent, int min, int max) {
    return fields.integer(name, absent, min, max);
  }

  /**
   * Returns the boolean called {@code name}, or {@code absent} if there is none.
   *
   * @throws IllegalArgumentException if it is no boolean
   */
  public boolean bool(String name, boolean absent) {
    return fields.bool(name, absent);
  }

  /**
   * Returns the string called {@code name}, or {@code absent} if there is none.
   *
   * @throws IllegalArgumentException if it is no string
   */
  public String text(String name, String absent) {
    return fields.text(name, absent);
  }

  /** Logs a warning that names the options that are not among {@code known}, if there are any. */
  public void warnOfUnknown(String... known) {
    fields.warnOfUnknown(known);
  }

  /** Returns a copy of the options as JSON. */
  JsonObject toJson() {
    return fields.object().deepCopy();
  }

  @Override
  public boolean equals(@Nullable Object o) {
    return o instanceof BackendOptions other && fields.object().equals(other.fields.object());
  }

  @Override
  public int hashCode() {
    return fields.object().hashCode();
  }

  /** Returns the names alone: a value may be a secret. */
  @Override
  public String toString() {
    return fields.object().keySet().toString();
  }
}
