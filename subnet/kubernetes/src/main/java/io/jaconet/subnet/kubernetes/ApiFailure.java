package io.jaconet.subnet.kubernetes;

import io.jaconet.internal.Printable;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The API server refused. */
final class ApiFailure extends IOException {
  static final int UNAUTHORIZED = 401;
  static final int FORBIDDEN = 403;
  static final int NOT_FOUND = 404;
  static final int CONFLICT = 409;
  static final int GONE = 410;
  static final int TOO_MANY_REQUESTS = 429;

  private final int status;
  private final transient @Nullable Duration retryAfter;

  /** Creates the failure of {@code call}; {@code said} is the server's own text. */
  ApiFailure(String call, int status, String said, @Nullable Duration retryAfter) {
    super("the API server answered " + status + " to " + call
        + (said.isEmpty() ? "" : ": " + Printable.of(said)) + advice(status));
    this.status = status;
    this.retryAfter = retryAfter;
  }

  private static String advice(int status) {
    return switch (status) {
      case UNAUTHORIZED -> "; the token or client certificate has expired or is of another cluster";
      case FORBIDDEN ->
        "; the service account or user needs get, list and watch of nodes and patch of nodes/status";
      default -> "";
    };
  }

  int status() {
    return status;
  }

  /** Returns how long the server wants to be left alone; null if it does not say. */
  @Nullable
  Duration retryAfter() {
    return retryAfter;
  }
}
