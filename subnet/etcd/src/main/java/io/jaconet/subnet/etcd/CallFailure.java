package io.jaconet.subnet.etcd;

import com.google.common.base.CharMatcher;
import io.grpc.Status;
import java.io.IOException;

/** A call that a member of etcd did not answer, or answered with an error. */
final class CallFailure extends IOException {
  private final transient Status status;

  CallFailure(Endpoint endpoint, Status status) {
    super("etcd at " + endpoint + ": " + describe(status), status.getCause());
    this.status = status;
  }

  private static String describe(Status status) {
    var text = new StringBuilder(status.getCode().toString());
    if (status.getDescription() != null) {
      text.append(": ").append(status.getDescription());
    }
    for (var cause = status.getCause(); cause != null; cause = cause.getCause()) {
      if (cause.getMessage() != null) {
        text.append(": ").append(cause.getMessage());
      }
    }
    // It gets into logs, and whoever answered may have written anything.
    return CharMatcher.javaIsoControl().replaceFrom(text, '?');
  }

  /** Returns whether another member, or this one over a new connection, may do better. */
  boolean isOfThisConnection() {
    return switch (status.getCode()) {
      case UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, INTERNAL, UNKNOWN, ABORTED -> true;
      default -> false;
    };
  }

  /** Returns whether the token was refused; then the call has not happened. */
  boolean isOfToken() {
    return status.getCode() == Status.Code.UNAUTHENTICATED
        || isAbout("invalid auth token")
        || isAbout("revision of auth store is old");
  }

  /** Returns whether the answer is longer than a message may be. */
  boolean isOfSize() {
    return status.getCode() == Status.Code.RESOURCE_EXHAUSTED && isAbout("exceeds maximum size");
  }

  /** Returns whether the wanted revision is no longer known. */
  boolean isOfCompaction() {
    return status.getCode() == Status.Code.OUT_OF_RANGE && isAbout("compacted");
  }

  /** Returns whether etcd knows no users, so that no token is needed. */
  boolean isOfMissingUsers() {
    return status.getCode() == Status.Code.FAILED_PRECONDITION && isAbout("not enabled");
  }

  private boolean isAbout(String words) {
    return status.getDescription() != null && status.getDescription().contains(words);
  }
}
