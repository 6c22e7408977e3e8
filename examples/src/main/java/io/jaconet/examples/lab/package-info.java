/** The lab: a cluster of hosts on one machine, and whether everybody in it reaches everybody. */
@NullMarked
package io.jaconet.examples.lab;

import org.jspecify.annotations.NullMarked;
