package io.jaconet.testkit.crash;

import java.io.IOException;

/** Something that a process does while it is killed. */
public interface CrashScenario {

  /** Returns the name, for messages and the command that repeats a crash. */
  String name();

  /** Makes what the process finds when it starts; the same each time, and shared with nobody. */
  World newWorld() throws Exception;

  /** What surrounds the process: namespaces, directories, servers. */
  interface World extends AutoCloseable {

    /**
     * Starts the process. It has to pass {@link CrashBarrier#await}, standard input and output being pipes to here, and to end when it
     * has done what it should.
     */
    Process start() throws IOException;

    /** Is called when the process waits at the barrier and its calls count already: the place for what shall happen to it. */
    default void disturb() throws Exception {}

    /**
     * Is given each line that the process prints beyond the barrier, and returns whether it says that the process has done what it
     * should. It is killed then, if it has not been before.
     */
    default boolean isDone(String line) {
      return false;
    }

    /** Looks at what the process left; it is dead. An error counts as the crash's. */
    default void inspect() throws Exception {}

    /** Starts the process again, and returns when all is as it should be; how long that takes is measured. An error counts as the crash's. */
    void recover() throws Exception;

    /** Looks at the rest that has to be right after all, ends the process, and removes everything. An error counts as the crash's. */
    @Override
    void close() throws IOException;
  }
}
