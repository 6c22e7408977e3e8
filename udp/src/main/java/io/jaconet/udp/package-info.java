/**
 * A data path in user space: {@link io.jaconet.udp.DataPath} moves packets between a {@link io.jaconet.linux.PacketPort} and UDP
 * datagrams, one packet in each as flannel's udp backend has it. The system calls are not here but in {@code io.jaconet.linux}.
 */
package io.jaconet.udp;
