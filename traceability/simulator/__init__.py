"""A supply chain with faults and fraud in it, told to a node through its public interface, and what the node found."""
