# Sequence Data: seqnum=1;seqlen=5001;seqhdr="phage a piece of it"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="20|Escherichia_coli_UMN026|B|50.7|11|1";gc_cont=50.70;transl_table=11;uses_sd=1
>1_3_437_+
>2_412_2337_+
>3_2334_2540_+
>4_2537_4138_+
>5_4119_5000_+
# Sequence Data: seqnum=2;seqlen=2300;seqhdr="turned"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="20|Escherichia_coli_UMN026|B|50.7|11|1";gc_cont=50.70;transl_table=11;uses_sd=1
>1_1_1890_-
>2_1865_2299_-
# Sequence Data: seqnum=3;seqlen=12;seqhdr="none"
# Model Data: version=Prodigal.v2.6.3;run_type=Metagenomic;model="0|Mycoplasma_bovis_PG45|B|29.3|4|1";gc_cont=29.30;transl_table=4;uses_sd=1
