"""dnatag: find the genes of a genome, and label any other sequence, with a BiLSTM-CRF."""

__version__ = "0.1.0"
