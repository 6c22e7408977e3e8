/**
 * Many hosts of one network in one thread and in virtual time, all from one seed: the real engine and, if wanted, the real subnet manager,
 * on kernels and a network that misbehave. After every event it is checked that no promise is broken. Needs neither root nor JUnit.
 */
@NullMarked
package io.jaconet.testkit.simulation;

import org.jspecify.annotations.NullMarked;
