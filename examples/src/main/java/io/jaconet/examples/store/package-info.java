/** A lease store of one's own, complete, as a host application writes it; its test runs the contract of the test kit against it. */
@NullMarked
package io.jaconet.examples.store;

import org.jspecify.annotations.NullMarked;
