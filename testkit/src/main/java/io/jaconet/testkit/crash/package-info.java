/**
 * Crashes at every place: a process is killed with SIGKILL at one of its system calls that change something, started again, and whoever
 * wrote the scenario looks whether all is as promised. Needs the program {@code strace} and the right to trace a child, but no JUnit.
 */
@NullMarked
package io.jaconet.testkit.crash;

import org.jspecify.annotations.NullMarked;
