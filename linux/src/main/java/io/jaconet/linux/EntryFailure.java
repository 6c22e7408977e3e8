package io.jaconet.linux;

/**
 * A change that the kernel refused.
 *
 * @param change what was asked
 * @param errno the kernel's reason, a positive number
 * @param explanation the kernel's text, empty if it gave none
 */
public record EntryFailure(EntryChange change, int errno, String explanation) {
  private static final String NEXTHOP_IS_GONE = "Nexthop id does not exist";

  /** Returns whether something is in the place where the entry was to be created; it need not equal the entry. */
  public boolean alreadyThere() {
    return change.mode() == EntryChange.Mode.CREATE && errno == Errno.EEXIST;
  }

  /** Returns whether the entry that was to be removed was not there. */
  public boolean alreadyGone() {
    return change.mode() == EntryChange.Mode.REMOVE
        && (errno == Errno.ENOENT
            || errno == Errno.ESRCH
            || errno == Errno.ENODEV
            || nexthopIsGone());
  }

  /** A nexthop object takes its routes along; the kernel then answers the removal of such a route with EINVAL. */
  private boolean nexthopIsGone() {
    return errno == Errno.EINVAL && explanation.equals(NEXTHOP_IS_GONE);
  }

  /** Returns the failure as an exception. */
  public SyscallException toException() {
    return new SyscallException(change.mode() + " " + change.entry(), errno, explanation);
  }

  @Override
  public String toString() {
    return String.valueOf(toException().getMessage());
  }
}
