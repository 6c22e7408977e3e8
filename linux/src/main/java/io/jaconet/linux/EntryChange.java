package io.jaconet.linux;

/** Something to do with one forwarding entry. */
public record EntryChange(Mode mode, ForwardingEntry entry) {

  /** What to do. */
  public enum Mode {
    /** Adds the entry; refused with EEXIST if there is one in its place. */
    CREATE,
    /** Adds the entry or puts it in the place of another one. */
    REPLACE,
    /** Removes the entry; refused if there is none. */
    REMOVE
  }

  /** Returns the change that adds {@code entry} if its place is free. */
  public static EntryChange create(ForwardingEntry entry) {
    return new EntryChange(Mode.CREATE, entry);
  }

  /** Returns the change that makes {@code entry} stand, whatever was in its place. */
  public static EntryChange replace(ForwardingEntry entry) {
    return new EntryChange(Mode.REPLACE, entry);
  }

  /** Returns the change that removes {@code entry}. */
  public static EntryChange remove(ForwardingEntry entry) {
    return new EntryChange(Mode.REMOVE, entry);
  }
}
